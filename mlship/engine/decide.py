"""The decision: from a situation, which holds the time, to the next act. No clock, no I/O, no logger.

The rules, in their order:

1. an order to abort rolls back;
2. a failed gate or guard rolls back, where several challengers are judged once it has failed for each of them: nothing
   else does before the deadline;
3. an order to promote moves on, over waiting and blind gates but never over a failed one;
4. a challenger that has failed loses its users, while others go on;
5. a pause holds;
6. the hold time is over, every gate passes and nothing is blind: move on; of several challengers, each must have passed
   or failed, and one must have passed;
7. the deadline is over: what the plan states, except that a missing signature parks;
8. the weights follow the outcomes, where a race moves them;
9. otherwise hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlship.metrics.rewards import Allocation
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
    copies: Mapping[str, int] = field(default_factory=dict)
    """Challenger → copies that it has answered in this step."""
    paused: bool = False
    order: Order | None = None
    full: bool = False
    """Somebody asked to promote all the way."""
    allocation: Allocation | None = None
    """How the traffic is to be divided from now on; None: as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """The step has passed."""

    reason: str
    through: tuple[str, ...] = ()
    """The challengers that have passed, in the plan's order; empty where somebody's order overrode the gates."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reallocate:
    """The step goes on with other weights."""

    allocation: Allocation


Act = Advance | Hold | RollBack | Park | Reallocate


def decide(situation: Situation) -> Act:
    """The next act."""
    order = situation.order
    if order and order.verb == "abort":
        return RollBack(reason=str(order))
    rejection = _rejection(situation)
    if rejection:
        return RollBack(reason=rejection)
    if situation.full or (order and order.verb == "promote"):
        return Advance(reason="promote --full" if situation.full else str(order), through=_left(situation))
    return _unasked(situation)


def _unasked(situation: Situation) -> Act:
    """What follows where nobody has asked for anything and nobody is rejected."""
    allocation = situation.allocation
    if allocation and allocation.urgent:
        return Reallocate(allocation=allocation)
    if situation.paused:
        return Hold(until=float("inf"), reason="paused")
    act = _by_time(situation)
    return Reallocate(allocation=allocation) if allocation and isinstance(act, Hold) else act


def _rejection(situation: Situation) -> str:
    """Why nobody goes on, in words; empty: somebody may."""
    failed = [verdict for verdict in situation.verdicts if verdict.outcome is Outcome.FAIL]
    everybodys = [verdict for verdict in failed if not verdict.challenger]
    if everybodys:
        return f"{everybodys[0].gate}: {everybodys[0].reason}"
    if not failed or _left(situation):
        return ""
    first = {verdict.challenger: f"{verdict.gate}: {verdict.reason}" for verdict in reversed(failed)}
    names = situation.step.challengers
    reasons = "; ".join(f"{name}: {first.get(name, 'failed before')}" for name in names)
    return reasons if len(names) == 1 else f"no challenger is good enough: {reasons}"


def _left(situation: Situation) -> tuple[str, ...]:
    """The challengers that no gate has failed, now or before."""
    step = situation.step
    failed = {verdict.challenger for verdict in situation.verdicts if verdict.outcome is Outcome.FAIL}
    return tuple(name for name in step.challengers if name not in failed and not step.has_lost(name))


def _by_time(situation: Situation) -> Act:
    if situation.step.challengers:
        return _by_time_of_many(situation)
    step, now = situation.step, situation.now
    obstacle = _obstacle(situation, situation.verdicts, situation.requests)
    held_until, deadline = situation.settled_at + step.hold, situation.settled_at + step.deadline
    if now >= held_until and not obstacle:
        return Advance(reason="every gate passes" if step.gates else "held")
    if now >= deadline:
        return _at_deadline(situation, obstacle or "the hold time is longer than the deadline")
    return Hold(until=held_until if now < held_until else deadline, reason=obstacle or "hold")


def _by_time_of_many(situation: Situation) -> Act:
    step, now = situation.step, situation.now
    left = _left(situation)
    obstacles = {name: _obstacle(situation, _about(situation, name), situation.copies.get(name, 0)) for name in left}
    through = tuple(name for name in left if not obstacles[name])
    waiting = "; ".join(f"{name}: {obstacle}" for name, obstacle in obstacles.items() if obstacle)
    held_until, deadline = situation.settled_at + step.hold, situation.settled_at + step.deadline
    if through and (now >= deadline or (now >= held_until and not waiting)):
        return Advance(reason=f"{' and '.join(through)} passed every gate" if step.gates else "held", through=through)
    if now >= deadline:
        return _at_deadline(situation, waiting)
    return Hold(until=held_until if now < held_until else deadline, reason=waiting or "hold")


def _about(situation: Situation, challenger: str) -> tuple[Verdict, ...]:
    return tuple(verdict for verdict in situation.verdicts if verdict.challenger in {"", challenger})


def _obstacle(situation: Situation, verdicts: tuple[Verdict, ...], requests: int) -> str:
    """What stands between the step and the next one, in words; empty: nothing but time."""
    for verdict in verdicts:
        holds = verdict.gate in situation.step.gates and verdict.outcome is not Outcome.PASS
        if holds or verdict.outcome is Outcome.BLIND:
            return f"{verdict.gate}: {verdict.reason}"
    missing = situation.step.requests - requests
    return f"{missing} more requests to the candidate" if missing > 0 else ""


def _at_deadline(situation: Situation, obstacle: str) -> Act:
    reason = f"deadline of {situation.step.deadline:g} s: {obstacle}"
    waiting = {v.gate for v in situation.verdicts if v.gate in situation.step.gates and v.outcome is not Outcome.PASS}
    if situation.step.late(waiting, situation.unsigned) is AtDeadline.PARK:
        return Park(reason=reason)
    return RollBack(reason=reason)
