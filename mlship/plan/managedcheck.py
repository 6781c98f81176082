"""What a plan may ask of a shift that the backend carries out, and what SageMaker cannot do of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlship.plan import defaults, units
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps
from mlship.plan.managed import is_managed
from mlship.plan.model import Capability
from mlship.plan.routing import WHOLE
from mlship.plan.shift import LEAST_STEP, LIMITS, LONGEST_WAIT, MOST_FIRST, Managed, Shift, ShiftKind, rolled, stepped

Drivers = Mapping[str, frozenset[Capability]]

OURS = "or `mode: weights`, where mlship moves the traffic"


def managed_stages(draft: Draft, driver: str) -> Iterator[Steps]:
    """The stages whose traffic the backend moves."""
    for stage in draft.places("stages"):
        if is_managed(str(draft.value(*stage, "strategy")), draft.value(*stage, "mode"), driver):
            yield stage


def check_managed(draft: Draft, drivers: Drivers, driver: str) -> None:
    """Add every fault of managed stages, and of keys that only such stages can follow."""
    managed = list(managed_stages(draft, driver))
    for stage in draft.places("stages"):
        if stage not in managed and draft.has(*stage, "alarms"):
            hint = "add `mode: managed`, or remove them: the gates judge here"
            draft.fault((*stage, "alarms"), "alarms judge only what the backend moves", hint, at_key=True)
    if Capability.SHIFT not in drivers.get(driver, frozenset(Capability)):
        able = ", ".join(sorted(name for name, abilities in drivers.items() if Capability.SHIFT in abilities))
        for stage in managed:
            hint = f"drivers that can: {able or 'none that is installed'}; or remove `mode`"
            draft.fault((*stage, "mode"), f"driver {driver} cannot move traffic by itself", hint)
        return
    if managed and draft.value("keep-old") is True:
        hint = "remove it: `mlship rollback` starts the old model again"
        draft.fault(("keep-old",), "a managed stage ends with the old instances", hint)
    for stage in managed:
        _stage(draft, stage)


def _stage(draft: Draft, stage: Steps) -> None:
    """One stage: its own keys, and then how long it takes."""
    for name in draft.names("models"):
        if draft.has("models", name, "serverless"):
            hint = "use instances, or `mode: weights` in a canary or a blue-green stage"
            draft.fault(stage, f"deployment guardrails know instances only, and {name} is serverless", hint)
    match draft.value(*stage, "strategy"):
        case "canary":
            shift = _canary(draft, stage)
        case "blue-green":
            shift = _blue_green(draft, stage)
        case _:
            shift = _rolling(draft, stage)
    if shift is not None:
        _limit(draft, stage, shift)


def _canary(draft: Draft, stage: Steps) -> Shift | None:
    hold = _wait(draft, (*stage, "hold"), defaults.MANAGED_HOLD)
    weights = [units.basis_points(text) for text in draft.value(*stage, "weights") or ()]
    if not weights or any(weight is None or not 0 < weight <= WHOLE for weight in weights):
        return None
    known = [weight for weight in weights if weight is not None]
    if known != sorted(set(known)):
        return None
    shift = stepped(known, hold=hold)
    if shift is None:
        hint = f"the nearest: {' or '.join(_nearest(known))}; {OURS}"
        draft.fault((*stage, "weights"), f"SageMaker cannot shift so: {_why_not(known)}", hint)
    _more_than_one(draft, stage)
    return shift


def _why_not(weights: list[int]) -> str:
    first = weights[0]
    if first >= WHOLE:
        return "everything at once is `strategy: blue-green`"
    if first > MOST_FIRST:
        return "the first part is 50% at the most"
    if first % 100:
        return "its parts are whole percents"
    if len([weight for weight in weights if weight < WHOLE]) > 1 and first < LEAST_STEP:
        return "equal steps are 10% at the least, and one smaller part is followed by all the rest"
    return "it moves a first part and then the rest, or equal steps all the way"


def _nearest(weights: list[int]) -> Iterator[str]:
    """Weights that SageMaker can do, as they are written."""
    first = min(max(100, round(weights[0] / 100) * 100), MOST_FIRST)
    yield f"weights: [{first // 100}%]"
    step = min(max(LEAST_STEP, round(weights[-1] / len(weights) / 100) * 100), MOST_FIRST)
    if len(weights) > 1 and step < MOST_FIRST:
        yield f"weights: [{', '.join(f'{share // 100}%' for share in range(step, WHOLE, step))}]"


def _blue_green(draft: Draft, stage: Steps) -> Shift | None:
    bake = _wait(draft, (*stage, "bake"), defaults.BAKE)
    preview = (*stage, "preview")
    if draft.has(*preview) and preview not in draft.findings.paths:
        hint = "remove it, or say `mode: weights`"
        draft.fault(preview, "nobody reaches the new instances before the switch", hint, at_key=True)
    hold = draft.value(*stage, "hold")
    if hold is not None and units.seconds(hold) > 0:
        hint = "remove it: SageMaker switches once they are healthy; `bake` watches them afterwards"
        draft.fault((*stage, "hold"), "the new instances do not wait before the switch", hint, at_key=True)
    return Shift(kind=ShiftKind.ALL_AT_ONCE, bake=bake, limit=0.0)


def _rolling(draft: Draft, stage: Steps) -> Shift | None:
    hold = _wait(draft, (*stage, "hold"), defaults.MANAGED_HOLD)
    batch = draft.number(*stage, "batch", default=defaults.BATCH)
    surge = draft.number(*stage, "surge", default=batch)
    if surge != batch or draft.number(*stage, "unavailable", default=0):
        key = "surge" if surge != batch else "unavailable"
        hint = "remove `surge` and `unavailable`"
        draft.fault((*stage, key), "SageMaker starts a batch of new instances, then stops as many old ones", hint)
    instances = _instances(draft)
    shift = rolled(batch=batch, instances=instances, hold=hold)
    if shift is None:
        low, high = -(-instances // 20), instances // 2
        hint = f"from {low} to {high}" if high else f"run 2 `replicas` or more, or use blue-green; {OURS}"
        draft.fault(
            (*stage, "batch"), f"a batch is 5% to 50% of the instances, and {batch} of {instances} is not", hint
        )
    return shift


def _more_than_one(draft: Draft, stage: Steps) -> None:
    if _instances(draft) < 2:
        hint = f"run 2 `replicas` or more, or use blue-green; {OURS}"
        draft.fault((*stage, "weights"), "one instance cannot take a part of the traffic beside another fleet", hint)


def _instances(draft: Draft) -> int:
    """Of the variant whose fleet is replaced: the most that a model asks for."""
    return max((draft.number("models", name, "replicas", default=1) for name in draft.names("models")), default=1)


def _wait(draft: Draft, path: Steps, default: float) -> float:
    """The wait at `path` in seconds; a fault where it is longer than SageMaker waits."""
    written = draft.value(*path)
    wait = default if written is None else units.seconds(written)
    if wait > LONGEST_WAIT:
        draft.fault(path, f"SageMaker waits 1h at the most; got {written}", f"write 1h or less; {OURS}")
    elif wait % 1:
        draft.fault(path, f"SageMaker waits whole seconds; got {written}", f"write {round(wait)}s")
    return min(wait, LONGEST_WAIT)


def _limit(draft: Draft, stage: Steps, shift: Shift) -> None:
    at_most = draft.value(*stage, "at-most")
    limit = Managed(limit=None if at_most is None else units.seconds(at_most)).timed(shift).limit
    waits, (low, high) = shift.waits, LIMITS
    if at_most is not None and not low <= limit <= high:
        hint = "write 10m to 8h"
        draft.fault((*stage, "at-most"), f"a deployment of SageMaker may take 10m to 8h; got {at_most}", hint)
    elif waits >= limit:
        takes = f"{shift.parts} parts wait {waits / 60:g} minutes together"
        hint = "raise it" if at_most is not None and waits < high else f"wait less, or move more at a time; {OURS}"
        draft.fault((*stage, "at-most"), f"{takes}, and all of it may take {limit / 60:g}", hint)
