"""What a plan may get wrong about metrics, A/B tests and bandits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlship.plan import units
from mlship.plan.cloudwatchcheck import check_cloudwatch
from mlship.plan.draft import Draft
from mlship.plan.experiments import SOURCES
from mlship.plan.fault import Steps, shown, suggestion
from mlship.plan.model import CaptureSettings
from mlship.plan.routing import WHOLE

ROLES = ("live", "candidate")
_TEXT = {"rate": "a percentage such as 1%", "mean": "a number in units of the metric"}
_ONLY_WITH = {"epsilon": ("policy", "epsilon-greedy", "probability-matching"), "loss": ("stop", "loss", "evidence")}
"""Keys of a bandit that mean nothing unless another one has a certain value: that one, the value, its default."""
_SINGLE = {"prometheus": ("query",), "cloudwatch": ("metric", "expression"), "http": ("value",)}
"""Sources, and the keys of their one number."""


def check_metrics(draft: Draft) -> None:
    """Add the faults of `metrics`."""
    for name in draft.names("metrics"):
        path: Steps = ("metrics", name)
        asked = [key for key in ("outcome", *SOURCES) if draft.has(*path, key)]
        if not asked and isinstance(draft.value(*path), dict):
            hint = "add `outcome: reward`, or a source: prometheus, cloudwatch, http, sql or command"
            draft.fault(path, "nothing says where it comes from", hint, at_key=True)
        for extra in asked[1:]:
            hint = "keep one of them"
            draft.fault((*path, extra), f"it comes from `{asked[0]}` already", hint, at_key=True)
        for source, keys in _SINGLE.items():
            _numbers(draft, (*path, source), keys)
        check_cloudwatch(draft, (*path, "cloudwatch"))
        within = draft.value(*path, "within")
        if within is not None and units.seconds(within) <= 0:
            draft.fault((*path, "within"), f"expected more than 0s; got {shown(within)}")
        elif within is not None and draft.has(*path, "outcome") and units.seconds(within) > _kept(draft):
            hint = f"raise `keep` in `capture` to {within} or more"
            draft.fault((*path, "within"), "longer than requests are kept", hint)


def _kept(draft: Draft) -> float:
    keep = draft.value("capture", "keep")
    return CaptureSettings().keep if keep is None else units.seconds(keep)


def _numbers(draft: Draft, path: Steps, single: tuple[str, ...]) -> None:
    """One number for a limit, or sums for a goal; half of the sums is neither."""
    if not isinstance(draft.value(*path), dict):
        return
    for key, other in (("count", "sum"), ("sum", "count"), ("square", "count")):
        if draft.has(*path, key) and not draft.has(*path, other):
            draft.fault((*path, key), f"`{other}` is missing beside it", f"add `{other}`", at_key=True)
            return
    if not any(draft.has(*path, key) for key in (*single, "count")):
        hint = f"add {' or '.join(f'`{key}`' for key in single)} for a limit, or `count` and `sum` for a goal"
        draft.fault(path, "nothing says which numbers it asks for", hint, at_key=True)


def check_ab(draft: Draft, stage: Steps, *, users: bool) -> None:
    """Add the faults of an A/B test: of users, or of requests where the driver cannot tell users apart."""
    kind = _goal(draft, stage)
    _arms(draft, {name: (*stage, "split", name) for name in draft.names(*stage, "split")}, stage, keys=True)
    _split(draft, stage)
    for key in ("margin", "minimal-effect", "baseline", "spread"):
        _amount(draft, (*stage, key), kind)
    _probability(draft, (*stage, "alpha"), most=0.5)
    _probability(draft, (*stage, "power"), most=0.999)
    _method(draft, stage, kind)
    if users and not draft.has("assign-by"):
        hint = "add `assign-by: header:x-user-id`"
        draft.fault((*stage, "strategy"), "an A/B test is of users, and nothing says who is one", hint)


def check_bandit(draft: Draft, stage: Steps) -> None:
    """Add the faults of a bandit."""
    kind = _goal(draft, stage)
    if kind == "mean" and draft.value(*stage, "policy") == "kl-ucb":
        hint = "probability-matching and thompson can"
        draft.fault((*stage, "policy"), "kl-ucb cannot follow a mean, only a rate", hint)
    written = {str(draft.value(*path)): path for path in draft.places(*stage, "arms")}
    _arms(draft, written, stage, keys=False)
    _bounds(draft, stage)
    _probability(draft, (*stage, "alpha"), most=0.5)
    for key, (other, value, default) in _ONLY_WITH.items():
        found = draft.value(*stage, other) if draft.has(*stage, other) else default
        if draft.has(*stage, key) and found not in {value, None}:
            draft.fault((*stage, key), f"means something only with `{other}: {value}`", "remove it", at_key=True)
    if draft.value(*stage, "stop") == "horizon" and not draft.has(*stage, "horizon"):
        draft.fault((*stage, "stop"), "`horizon` is missing: it says where to stop", "add `horizon: 100000`")
    every = draft.value(*stage, "every")
    if every is not None and units.seconds(every) <= 0:
        draft.fault((*stage, "every"), f"expected more than 0s; got {shown(every)}")


def rivals_of(draft: Draft, stage: Steps) -> tuple[str, ...]:
    """The models that an A/B test or a bandit names and that may replace the live one; none where roles say it all."""
    match draft.value(*stage, "strategy"):
        case "ab":
            arms: tuple[str, ...] = tuple(draft.names(*stage, "split"))
        case "bandit" if draft.has(*stage, "arms"):
            arms = tuple(str(draft.value(*path)) for path in draft.places(*stage, "arms"))
        case "bandit":
            arms = tuple(draft.names("models"))
        case _:
            return ()
    return tuple(arm for arm in arms if arm not in {*ROLES, draft.value("live")})


def _goal(draft: Draft, stage: Steps) -> str | None:
    """The kind of the metric that decides; None where there is none."""
    goal, known = draft.value(*stage, "goal"), draft.names("metrics")
    if goal is None:
        return None
    if goal not in known:
        hint = (
            suggestion(goal, known, what="metrics") if known else "add `metrics: { conversion: { outcome: reward } }`"
        )
        draft.fault((*stage, "goal"), f"there is no metric {shown(goal)}", hint)
        return None
    for source in SOURCES:
        path: Steps = ("metrics", goal, source)
        counts = source in {"sql", "command"} or (draft.has(*path, "count") and draft.has(*path, "sum"))
        if draft.has(*path) and not counts:
            hint = "add `count` and `sum`: units, and the sum of their outcomes"
            draft.fault((*stage, "goal"), f"{shown(goal)} is one number: a goal needs sums per model", hint)
    kind = draft.value("metrics", goal, "kind") if draft.has("metrics", goal, "kind") else "rate"
    return None if kind is None else str(kind)


def _arms(draft: Draft, written: Mapping[str, Steps], stage: Steps, *, keys: bool) -> None:
    models, live = draft.names("models"), draft.value("live")
    for name, path in written.items():
        if name not in models and name not in ROLES and models:
            hint = suggestion(name, [*ROLES, *models], what="arms")
            draft.fault(path, f"there is no model {shown(name)}", hint, at_key=keys)
    for role in ROLES:
        named = draft.value(role)
        if role in written and named in written:
            draft.fault(written[str(named)], f"{shown(named)} is `{role}`, which is an arm already", at_key=keys)
    if keys and written and not {"live", live} & written.keys():
        hint = "add `live: 50%`"
        draft.fault((*stage, "split"), "the live model is no arm: there is nothing to compare with", hint, at_key=True)


def _split(draft: Draft, stage: Steps) -> None:
    shares = {name: draft.value(*stage, "split", name) for name in draft.names(*stage, "split")}
    if None in shares.values():
        return
    points = {name: units.basis_points(share) for name, share in shares.items()}
    for name, share in points.items():
        if share is None:
            hint = "the router divides traffic into steps of 0.01%"
            draft.fault((*stage, "split", name), f"finer than 0.01%: {shares[name]}", hint)
        elif share == 0:
            draft.fault((*stage, "split", name), "an arm without users tells nothing", "remove it")
    total = sum(share or 0 for share in points.values())
    if None not in points.values() and total != WHOLE:
        draft.fault((*stage, "split"), f"the shares sum to {total / 100:g}%, not to 100%", at_key=True)


def _amount(draft: Draft, path: Steps, kind: str | None) -> None:
    value = draft.value(*path)
    if value is None or kind is None:
        return
    if isinstance(value, str) != (kind == "rate"):
        draft.fault(path, f"expected {_TEXT[kind]}, as the goal is a {kind}; got {shown(value)}")
    elif isinstance(value, str) and not 0 < units.fraction(value) < 1:
        draft.fault(path, f"expected more than 0% and less than 100%; got {shown(value)}")
    elif not isinstance(value, str) and value <= 0 and path[-1] != "baseline":
        draft.fault(path, f"expected more than 0; got {shown(value)}")


def _method(draft: Draft, stage: Steps, kind: str | None) -> None:
    method = draft.value(*stage, "method")
    needed = ["minimal-effect", "baseline"] if kind == "rate" else ["minimal-effect", "spread"]
    if method == "fixed":
        for key in needed if kind else ():
            if not draft.has(*stage, key):
                hint = f"add `{key}: {'1%' if kind == 'rate' else '1.5'}`"
                draft.fault((*stage, "method"), f"`{key}` is missing: the sample is computed from it", hint)
    for key in _void(draft, stage, method):
        draft.fault((*stage, key), f"means nothing with `method: {method}`", "remove it", at_key=True)
    if method == "a-a" and len(draft.names(*stage, "split")) > 2:
        draft.fault((*stage, "split"), "an A/A test has two arms", at_key=True)


def _void(draft: Draft, stage: Steps, method: str | None) -> Iterator[str]:
    void = {"fixed": ("margin", "covariate"), "a-a": ("margin", "power"), "sequential": ("power",)}
    yield from (key for key in void.get(str(method), ()) if draft.has(*stage, key))


def _bounds(draft: Draft, stage: Steps) -> None:
    floor, ceiling = (_points(draft, (*stage, key)) for key in ("floor", "ceiling"))
    if draft.has(*stage, "arms"):
        others = {str(draft.value(*path)) for path in draft.places(*stage, "arms")} - {"live", draft.value("live")}
        arms = 1 + len(others)
    else:
        arms = len(draft.names("models"))
    if floor is not None and floor * arms > WHOLE:
        draft.fault((*stage, "floor"), f"{arms} arms with {floor / 100:g}% each are more than 100%")
    if ceiling is not None and ceiling * arms < WHOLE:
        draft.fault((*stage, "ceiling"), f"{arms} arms with {ceiling / 100:g}% each are less than 100%")
    if draft.has(*stage, "arms") and arms < 2:
        draft.fault((*stage, "arms"), "the live model is the only arm", "name a model that may replace it")


def _points(draft: Draft, path: Steps) -> int | None:
    text = draft.value(*path)
    if text is None:
        return None
    share = units.basis_points(text)
    if share is None:
        draft.fault(path, f"finer than 0.01%: {text}", "the router divides traffic into steps of 0.01%")
    elif share > WHOLE:
        draft.fault(path, f"expected at most 100%; got {shown(text)}")
    return share


def _probability(draft: Draft, path: Steps, *, most: float) -> None:
    value = draft.value(*path)
    if value is not None and not 0 < units.fraction(value) <= most:
        draft.fault(path, f"expected more than 0% and at most {100 * most:g}%; got {shown(value)}")
