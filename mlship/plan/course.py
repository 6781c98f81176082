"""Whether the stages of a plan can be carried out in their order, and can pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlship.plan import defaults, units
from mlship.plan.answers import check_mirror
from mlship.plan.draft import Draft
from mlship.plan.experimentcheck import check_ab, check_bandit
from mlship.plan.fault import Steps, shown
from mlship.plan.gateuse import gate_uses
from mlship.plan.managed import is_managed
from mlship.plan.routing import WHOLE
from mlship.plan.rulecheck import NOT_RANDOM, is_random
from mlship.plan.semantics import ONLY_MIRRORED, driver_name
from mlship.plan.sharing import canary_shares, rolling_shares

_WAITS: Mapping[str, Mapping[str, float]] = {
    "shadow": {"hold": defaults.SHADOW_HOLD},
    "feature-flag": {"hold": defaults.FLAG_HOLD},
    "ab": {"hold": defaults.AB_HOLD},
    "bandit": {"hold": defaults.BANDIT_HOLD},
    "canary": {"hold": defaults.CANARY_HOLD},
    "blue-green": {"hold": defaults.BLUE_GREEN_HOLD, "bake": defaults.BAKE},
    "rolling": {"hold": defaults.ROLLING_HOLD},
    "recreate": {"bake": defaults.BAKE},
}
"""Keys that say how long a step of the strategy lasts at least, with their defaults in seconds."""

ANONYMOUS = frozenset({"sagemaker"})
"""Drivers that draw each request anew, and whose A/B tests are of requests."""

ALARMS_JUDGE = "only the backend's alarms see both models serve; gates judge afterwards"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stage of a draft."""

    draft: Draft
    path: Steps
    strategy: str
    managed: bool
    """The backend moves its traffic."""

    def value(self, key: str) -> Any:  # noqa: ANN401 - JSON
        """What the stage says under `key`; None where it says nothing, or something wrong."""
        return self.draft.value(*self.path, key)

    def number(self, key: str, default: int) -> int:
        """The whole number under `key`."""
        return self.draft.number(*self.path, key, default=default)

    def fault(self, key: str, message: str, hint: str = "") -> None:
        """One more fault, at the value of `key`, or at the stage where it has none."""
        self.draft.fault((*self.path, key), message, hint)


def check_course(draft: Draft) -> None:
    """Add every fault that the stages have, each by itself and one after another."""
    names: set[str] = set()
    reached = 0
    for part in _parts(draft):
        _name(part, names)
        _deadline(part)
        if part.strategy == "rolling" and not part.managed:
            _rolling(part)
        _judged(part)
        reached = _shifted(part, reached) if part.managed else _reached(part, reached)


def _shifted(part: Part, before: int) -> int:
    """Check that the backend has everything to move; what it leaves is all on the candidate."""
    if before:
        message = "the candidate has users already, and the backend moves all of them together"
        part.fault("strategy", message, "make it the first stage that moves users, or say `mode: weights`")
    elif part.strategy == "canary":
        _canary(part, before)
    return WHOLE


def _reached(part: Part, before: int) -> int:
    match part.strategy:
        case "shadow":
            return _shadow(part, before)
        case "feature-flag":
            return _flag(part, before)
        case "ab":
            return _ab(part, before)
        case "bandit":
            check_bandit(part.draft, part.path)
            return _bandit(part)
        case "canary":
            return _canary(part, before)
        case _:
            return _whole(part, before)


def _shadow(part: Part, reached: int) -> int:
    """Check the mirrors; no user moves."""
    check_mirror(part.draft, part.path)
    others = [path for path in part.draft.places("stages") if part.draft.has(*path, "mirror")]
    if reached:
        part.fault(
            "strategy", "the candidate has users already: copies would prove nothing more", "make it the first stage"
        )
    elif others and others[0] != part.path:
        part.fault("strategy", "there is a shadow stage before", "one stage may mirror to several models")
    return reached


def _ab(part: Part, reached: int) -> int:
    """Check the arms; how many users the candidate has afterwards."""
    check_ab(part.draft, part.path, users=driver_name(part.draft) not in ANONYMOUS)
    shares = {name: part.draft.value(*part.path, "split", name) for name in part.draft.names(*part.path, "split")}
    live = {"live", part.draft.value("live")}
    points = [units.basis_points(share) or 0 for name, share in shares.items() if share and name not in live]
    return max([reached, *points]) if len(points) < 2 else min(points)


def _bandit(part: Part) -> int:
    """What the winner has afterwards."""
    floor, ceiling = part.value("floor"), part.value("ceiling")
    kept = defaults.FLOOR if floor is None else units.basis_points(floor) or 0
    most = WHOLE if ceiling is None else units.basis_points(ceiling) or WHOLE
    return min(most, WHOLE - kept)


def _flag(part: Part, reached: int) -> int:
    """Check that no user has the candidate yet; afterwards nobody keeps it."""
    if reached:
        part.fault("strategy", "the candidate has users already, who would lose it here", "move this stage up")
    return reached


def _parts(draft: Draft) -> Iterator[Part]:
    for path in draft.places("stages"):
        strategy = draft.value(*path, "strategy")
        if strategy is not None:
            managed = is_managed(strategy, draft.value(*path, "mode"), driver_name(draft))
            yield Part(draft=draft, path=path, strategy=strategy, managed=managed)


def _name(part: Part, names: set[str]) -> None:
    is_named = part.draft.has(*part.path, "name")
    name = part.value("name") if is_named else part.strategy
    if name in names:
        part.fault("name", f"there is a stage named {shown(name)} before", "give each stage a `name` of its own")
    if name is not None:
        names.add(name)


def _deadline(part: Part) -> None:
    deadline = part.value("at-most")
    if deadline is None:
        _usual_deadline(part)
        return
    for key, default in _WAITS[part.strategy].items():
        written = part.value(key)
        least = default if written is None else units.seconds(written)
        if units.seconds(deadline) < least:
            usual = f"{least:g}s, which it is by default" if written is None else written
            part.fault(
                "at-most",
                f"{deadline} is shorter than `{key}` ({usual}): no step could pass",
                f"raise it, or lower `{key}`",
            )


def _usual_deadline(part: Part) -> None:
    hold = part.value("hold")
    if part.strategy in {"ab", "bandit"} and hold is not None and units.seconds(hold) > defaults.EXPERIMENT:
        message = f"{hold} is longer than `at-most` (14d, which it is by default): it could not pass"
        part.fault("hold", message, f"add `at-most` of more than {hold}")


def _canary(part: Part, reached: int) -> int:
    """Check that the weights only grow from what the stages before have reached; what is reached now."""
    for path in part.draft.places(*part.path, "weights"):
        text = part.draft.value(*path)
        if text is None:
            continue
        weight = units.basis_points(text)
        complaint, hint = _weight(weight, text, reached)
        if complaint:
            part.draft.fault(path, complaint, hint)
        reached = max(reached, min(weight or 0, WHOLE))
    return reached


def _weight(weight: int | None, text: str, reached: int) -> tuple[str, str]:
    if weight is None:
        return f"finer than 0.01%: {text}", "the router divides traffic into steps of 0.01%"
    if not 0 < weight <= WHOLE:
        return f"expected more than 0% and at most 100%; got {shown(text)}", ""
    if weight <= reached:
        return f"weights only grow: {text} comes after {reached / 100:g}%", "users would change models back and forth"
    return "", ""


def _whole(part: Part, reached: int) -> int:
    """Check that there is traffic left to move; afterwards all of it has been."""
    if reached >= WHOLE:
        part.fault("strategy", "the candidate has all traffic already", "remove this stage, or the ones before it")
    elif reached and part.strategy == "rolling":
        part.fault("strategy", "rolling starts from the live model alone", "make it the first stage")
    return WHOLE


def _rolling(part: Part) -> None:
    live, candidate = _replicas(part.draft)
    batch, surge, unavailable = _pace(part)
    if candidate is not None and batch > candidate:
        part.fault("batch", f"{batch} is more than the candidate's replicas ({candidate})")
    if surge + unavailable == 0:
        part.fault("surge", "`surge` and `unavailable` are both 0: no replica could be replaced", "write `surge: 1`")
    if live is not None and unavailable >= live:
        part.fault("unavailable", f"of {live} live replicas none would be left", "lower it, or use strategy recreate")


def _pace(part: Part) -> tuple[int, int, int]:
    return (
        part.number("batch", defaults.BATCH),
        part.number("surge", defaults.SURGE),
        part.number("unavailable", defaults.UNAVAILABLE),
    )


def _replicas(draft: Draft) -> tuple[int | None, int | None]:
    """Replicas of the live model and of the candidate; None where the plan alone does not tell which model it is."""
    models = list(draft.names("models"))
    live, candidate = draft.value("live"), draft.value("candidate")
    if len(models) == 2:
        live = live or next((name for name in models if candidate not in {None, name}), None)
        candidate = candidate or next((name for name in models if live not in {None, name}), None)
    return _count(draft, live), _count(draft, candidate)


def _count(draft: Draft, model: str | None) -> int | None:
    if model is None or not draft.has("models", model):
        return None
    replicas: int | None = draft.value("models", model, "replicas") if draft.has("models", model, "replicas") else 1
    return replicas


def _judged(part: Part) -> None:
    """A comparison where both models never serve at once would wait for ever."""
    why = ALARMS_JUDGE if part.managed else _never_shares(part)
    for use in gate_uses(part.draft, (*part.path, "gates")):
        if use.kind == "answers" and part.strategy != "shadow":
            part.draft.fault(use.reference, f"can never pass here: {ONLY_MIRRORED}", "use it in a shadow stage")
        if use.kind == "comparison" and why:
            part.draft.fault(
                use.reference,
                f"a comparison can never pass here: {why}",
                "use a ceiling: { metric: error_rate, max: 5% }",
            )


def _never_shares(part: Part) -> str:
    match part.strategy:
        case "canary":
            weights = part.value("weights") or ["1%"]
            shares = canary_shares(tuple(units.basis_points(weight) or 0 for weight in weights))
            return "" if shares else "at 100% the live model has no traffic to compare with"
        case "shadow" | "ab" | "bandit":
            return ""
        case "feature-flag":
            return "" if is_random(part.draft, part.path) else f"not randomised: {NOT_RANDOM}"
        case "rolling":
            live, candidate = _replicas(part.draft)
            if live is None or candidate is None:
                return ""
            batch, surge, unavailable = _pace(part)
            shares = rolling_shares(old=live, new=candidate, batch=batch, surge=surge, unavailable=unavailable)
            return "" if shares else f"with {candidate} new replicas, {batch} at a time, no batch has both models serve"
        case strategy:
            return f"in {strategy} both models never serve at once"
