"""What a plan may get wrong about numbers from CloudWatch."""

from __future__ import annotations

from mlship.plan import units
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps, shown

_SHORT = (1, 5, 10, 20, 30)
_MINUTE = 60


def check_cloudwatch(draft: Draft, path: Steps) -> None:
    """Add the faults of `cloudwatch`."""
    if not isinstance(draft.value(*path), dict):
        return
    single = [key for key in ("metric", "expression") if draft.has(*path, key)]
    if len(single) > 1:
        draft.fault((*path, "expression"), "its one number is `metric` already", "keep one of them", at_key=True)
    for key in ("namespace", "statistic"):
        if draft.has(*path, "metric") and not draft.has(*path, key):
            draft.fault((*path, "metric"), f"`{key}` is missing beside it", f"add `{key}`", at_key=True)
    over = next((key for key in ("expression", "count") if draft.has(*path, key)), None)
    if over and not draft.has(*path, "queries"):
        hint = "add `queries: { requests: { namespace: ..., metric: ..., statistic: Sum } }`"
        draft.fault((*path, over), "there are no `queries` that it could be over", hint, at_key=True)
    _period(draft, (*path, "period"))


def _period(draft: Draft, path: Steps) -> None:
    period = draft.value(*path)
    found = None if period is None else units.seconds(period)
    if found is not None and found not in _SHORT and (found < _MINUTE or found % _MINUTE):
        draft.fault(path, f"expected whole minutes, or 1, 5, 10, 20 or 30 seconds; got {shown(period)}")
