"""Which stages an endpoint cannot carry out, and why."""

from __future__ import annotations

from mlship.plan import units
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps, shown
from mlship.plan.model import Capability
from mlship.plan.needs import needs_of
from mlship.plan.routing import WHOLE
from mlship.plan.rule import Part, Rule

MOST_VARIANTS = 10
"""Of one endpoint."""

TARGET = "x-amzn-sagemaker-target-variant"
"""The header of InvokeEndpoint by which a caller picks the variant (`TargetVariant` in AWS's own libraries)."""

LAG = "3m"
"""Of CloudWatch's numbers, where the plan says nothing of it."""

NO_HEADERS = "the endpoint sees no headers, cookies, parameters or users"
PICKS = f"what a caller can do is pick the variant: `header: {{ {TARGET}: MODEL }}`"


def picks(rule: Rule) -> bool:
    """The rule says that a caller who names the variant reaches it."""
    return [(each.part, each.name) for each in rule.when] == [(Part.HEADER, TARGET)] and rule.share == WHOLE


def check_stages(draft: Draft) -> None:
    """Add every fault that the stages have on an endpoint."""
    _kept(draft)
    for stage in draft.places("stages"):
        if draft.has(*stage, "preview"):
            draft.fault((*stage, "preview"), NO_HEADERS, f"try green by InvokeEndpoint(TargetVariant=...); {PICKS}")
        _rules(draft, stage)
        _arms(draft, stage)
        _copies(draft, stage)
        _period(draft, stage)


def _kept(draft: Draft) -> None:
    """Answers are kept, and reported outcomes find theirs, only in a bucket."""
    asks = needs_of(draft).get(Capability.CAPTURE)
    if asks is not None and not draft.has("driver", "sagemaker", "capture"):
        hint = "add `capture: s3://BUCKET/captures` to the driver"
        draft.fault(asks, "nothing says where SageMaker keeps the answers that this needs", hint)


def _rules(draft: Draft, stage: Steps) -> None:
    candidate = _candidate(draft)
    for rule in draft.places(*stage, "rules"):
        told = draft.value(*rule)
        if told is None or draft.has(*rule, "percentage"):
            continue
        match told:
            case {"header": {**headers}, **rest} if not rest and {str(name).lower() for name in headers} == {TARGET}:
                ((name, value),) = headers.items()
                if candidate is not None and value != candidate:
                    hint = f"write {candidate}: the variant is named as the candidate is"
                    draft.fault((*rule, "header", str(name)), f"expected the candidate; got {shown(value)}", hint)
            case _:
                draft.fault(rule, NO_HEADERS, f"{PICKS}; drivers that can: docker, process")


def _arms(draft: Draft, stage: Steps) -> None:
    arms = draft.names(*stage, "split") or list(draft.value(*stage, "arms") or ())
    if len(arms) > MOST_VARIANTS:
        draft.fault(stage, f"an endpoint has at most {MOST_VARIANTS} variants", "leave some out")


def _copies(draft: Draft, stage: Steps) -> None:
    mirror = draft.names(*stage, "mirror")
    if len(mirror) > 1:
        hint = "mirror one of them, or run a shadow stage after the other; drivers that can: docker, process"
        draft.fault((*stage, "mirror"), "SageMaker copies requests from one variant to one other", hint, at_key=True)
    number = int(stage[-1])
    for earlier in list(draft.places("stages"))[:number] if mirror else ():
        share = _last_share(draft, earlier)
        if share is None or 0 < share < WHOLE:
            hint = "put the shadow stage first"
            draft.fault(stage, "a split and a shadow cannot be on one endpoint at once", hint)
            return


def _last_share(draft: Draft, stage: Steps) -> int | None:
    """Basis points of the candidate when the stage ends; None: several models share the traffic then."""
    match draft.value(*stage, "strategy"):
        case "canary":
            weights = [units.basis_points(str(each)) for each in draft.value(*stage, "weights") or ()]
            return weights[-1] or 0 if weights else 0
        case "ab" | "bandit":
            return None
        case _:
            return 0


def _period(draft: Draft, stage: Steps) -> None:
    """A change of weights locks the endpoint for a minute or two, and no number of a split is final sooner."""
    every, least = draft.value(*stage, "every"), draft.value("driver", "sagemaker", "metrics-lag") or LAG
    if draft.value(*stage, "strategy") == "bandit" and units.seconds(every or "1m") < units.seconds(least):
        hint = "say `every: 10m`: a change of weights locks the endpoint, and numbers are final after `metrics-lag`"
        path: Steps = (*stage, "every") if every is not None else (*stage, "strategy")
        draft.fault(path, f"a bandit on an endpoint moves its weights at most every {least}", hint)


def _candidate(draft: Draft) -> str | None:
    told: str | None = draft.value("candidate")
    others = [name for name in draft.names("models") if name != draft.value("live")]
    return told or (others[0] if len(others) == 1 else None)
