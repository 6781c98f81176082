"""Which of several challengers goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mlship.gates.wording import points
from mlship.plan.answergates import Quality
from mlship.plan.model import Gate
from mlship.plan.outcome import Goal, Kind, Race
from mlship.plan.verdict import Outcome, Verdict

ByChallenger = Mapping[str, Sequence[Verdict]]
"""What the panel of each challenger says, in the plan's order of challengers."""


class Standing(StrEnum):
    """How far a choice has come."""

    CHOSEN = "chosen"
    UNDECIDED = "undecided"
    NONE = "none"
    """No challenger is good enough, and none can become so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The challenger that goes on, if one does, and what is to be said of each."""

    standing: Standing
    chosen: str = ""
    reasons: Mapping[str, str]
    """Challenger → why it goes on, waits or is out."""


def best(verdicts: ByChallenger, *, gates: Mapping[str, Gate], required: Sequence[str], final: bool = False) -> Choice:
    """Among those that pass every required gate, the one with the largest estimated gain.

    While a challenger still waits, nobody is chosen, unless this is `final`: it may yet turn out to be the best. Each
    challenger that passes has proven its claim at its own share of alpha, so the choice between them costs nothing.
    """
    states = {name: _state(said, required) for name, said in verdicts.items()}
    passed = [name for name, (outcome, _) in states.items() if outcome is Outcome.PASS]
    waits = any(outcome in {Outcome.WAIT, Outcome.BLIND} for outcome, _ in states.values())
    reasons = {name: reason for name, (_, reason) in states.items()}
    if passed and (final or not waits):
        chosen, reason = strongest({name: verdicts[name] for name in passed}, gates=gates, required=required)
        return Choice(standing=Standing.CHOSEN, chosen=chosen, reasons={**reasons, chosen: reason})
    return Choice(standing=Standing.UNDECIDED if waits else Standing.NONE, reasons=reasons)


def strongest(verdicts: ByChallenger, *, gates: Mapping[str, Gate], required: Sequence[str]) -> tuple[str, str]:
    """The challenger with the largest estimated gain in the first paired gate, and why.

    Without such a gate the first one of the plan; of equal gains the first by name.

    Raises:
        ValueError: there is no challenger.
    """
    if not verdicts:
        raise ValueError("no challenger to choose from")
    names = list(verdicts)
    if len(names) == 1:
        return names[0], "the only one that passed"
    by = next((gates[name] for name in required if isinstance(gates.get(name), Quality | Goal | Race)), None)
    if not isinstance(by, Quality | Goal | Race):
        return names[0], "the first in the plan: no gate compares how good the answers are"
    gains = {name: _gain(verdicts[name], by.name) for name in sorted(names)}
    chosen = max(gains, key=gains.__getitem__)
    told = ", ".join(f"{name} {_told(gain, by)}" for name, gain in gains.items())
    return chosen, f"{_what(by)}: {told}"


def _state(said: Sequence[Verdict], required: Sequence[str]) -> tuple[Outcome, str]:
    """Pass, fail or wait, and why; a guard can fail a challenger or be blind for it, but not hold it up."""
    failed = next((verdict for verdict in said if verdict.outcome is Outcome.FAIL), None)
    if failed:
        return Outcome.FAIL, f"{failed.gate}: {failed.reason}"
    found = {verdict.gate: verdict for verdict in said}
    for name in required:
        if name not in found:
            return Outcome.WAIT, f"{name}: nothing to judge yet"
        if found[name].outcome is not Outcome.PASS:
            return found[name].outcome, f"{name}: {found[name].reason}"
    blind = next((verdict for verdict in said if verdict.outcome is Outcome.BLIND), None)
    return (Outcome.BLIND, f"{blind.gate}: {blind.reason}") if blind else (Outcome.PASS, "passed every gate")


def _gain(said: Sequence[Verdict], gate: str) -> float:
    found = next((verdict for verdict in said if verdict.gate == gate), None)
    estimate = found.evidence.estimate if found and found.evidence else None
    return float("-inf") if estimate is None else estimate


def _what(by: Quality | Goal | Race) -> str:
    match by:
        case Quality(metric=metric):
            return f"the largest gain in {metric.replace('_', ' ')}"
        case Goal(metric=metric):
            return f"the largest gain in {metric.name}"
        case Race(metric=metric):
            return f"the likeliest to be the best by {metric.name}"


def _told(gain: float, by: Quality | Goal | Race) -> str:
    if gain == float("-inf"):
        return "unknown"
    if not isinstance(by, Quality):
        rate = isinstance(by, Goal) and by.metric.kind is Kind.RATE
        return points(gain) if rate else f"{gain:.3g}"
    return points(gain) if by.metric == "accuracy" else f"{gain if by.higher_is_better else -gain:+.3g}"
