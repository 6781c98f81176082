"""The decision: from a situation, which holds the time, to the next act. No clock, no I/O, no logger.

The rules, in their order:

1. an order to abort rolls back;
2. a failed gate or guard rolls back: nothing else does before the deadline;
3. an order to promote moves on, over waiting and blind gates but never over a failed one;
4. a pause holds;
5. the hold time is over, every gate passes and nothing is blind: move on;
6. the deadline is over: what the plan states, except that a missing signature parks;
7. otherwise hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlship.plan.step import AtDeadline, Step
from mlship.plan.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody asked for, from any terminal."""

    verb: str
    """pause, promote or abort."""
    by: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.verb} by {self.by}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a decision depends on."""

    step: Step
    now: float
    settled_at: float
    verdicts: tuple[Verdict, ...]
    unsigned: frozenset[str] = frozenset()
    """Manual gates of the step that nobody has signed off."""
    requests: int = 0
    """Requests that the candidate has answered in this step."""
    paused: bool = False
    order: Order | None = None
    full: bool = False
    """Somebody asked to promote all the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """The step has passed."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Stay; the verdict cannot change before `until` unless new numbers or orders arrive."""

    until: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBack:
    """All traffic back to the live model."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Park:
    """Stop here with the traffic where it is."""

    reason: str


Act = Advance | Hold | RollBack | Park


def decide(situation: Situation) -> Act:
    """The next act."""
    order = situation.order
    if order and order.verb == "abort":
        return RollBack(reason=str(order))
    for verdict in situation.verdicts:
        if verdict.outcome is Outcome.FAIL:
            return RollBack(reason=f"{verdict.gate}: {verdict.reason}")
    if situation.full:
        return Advance(reason="promote --full")
    if order and order.verb == "promote":
        return Advance(reason=str(order))
    if situation.paused:
        return Hold(until=float("inf"), reason="paused")
    return _by_time(situation)


def _by_time(situation: Situation) -> Act:
    step, now = situation.step, situation.now
    obstacle = _obstacle(situation)
    held_until, deadline = situation.settled_at + step.hold, situation.settled_at + step.deadline
    if now >= held_until and not obstacle:
        return Advance(reason="every gate passes" if step.gates else "held")
    if now >= deadline:
        return _at_deadline(situation, obstacle or "the hold time is longer than the deadline")
    return Hold(until=held_until if now < held_until else deadline, reason=obstacle or "hold")


def _obstacle(situation: Situation) -> str:
    """What stands between the step and the next one, in words; empty: nothing but time."""
    for verdict in situation.verdicts:
        holds = verdict.gate in situation.step.gates and verdict.outcome is not Outcome.PASS
        if holds or verdict.outcome is Outcome.BLIND:
            return f"{verdict.gate}: {verdict.reason}"
    missing = situation.step.requests - situation.requests
    return f"{missing} more requests to the candidate" if missing > 0 else ""


def _at_deadline(situation: Situation, obstacle: str) -> Act:
    reason = f"deadline of {situation.step.deadline:g} s: {obstacle}"
    waiting = {v.gate for v in situation.verdicts if v.gate in situation.step.gates and v.outcome is not Outcome.PASS}
    only_unsigned = bool(waiting) and waiting <= situation.unsigned
    if only_unsigned or situation.step.at_deadline is AtDeadline.PARK:
        return Park(reason=reason)
    return RollBack(reason=reason)
