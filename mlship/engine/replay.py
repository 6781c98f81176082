"""A rollout decided again from its record: the recorded numbers through today's gates and today's `decide`.

What is taken from the record: looks, orders, signatures, times, and how healthy replicas were. What is made anew: every
verdict, and every decision after a look. A decision that nobody could take, because the run was interrupted, killed or
taken over between the look and the next event, is not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from mlship.engine.attend import GATE as HEALTH
from mlship.engine.decide import Act, Advance, Hold, Park, Reallocate, RollBack, decide
from mlship.engine.resume import settled
from mlship.engine.run import INTERRUPTED
from mlship.engine.situation import situation
from mlship.gates.jury import Jury
from mlship.journal.events import (
    Chosen,
    Entered,
    Event,
    Flagged,
    Looked,
    Parked,
    Passed,
    Reallocated,
    Recorded,
    Requested,
    RollbackBegun,
    Settled,
    Taken,
)
from mlship.journal.fold import apply
from mlship.journal.state import RolloutState, ServiceState
from mlship.plan.model import Plan
from mlship.plan.routing import WHOLE
from mlship.plan.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where today's code says something else than the record."""

    look: int
    at: float
    what: str
    """"the gate no-more-errors", "the decision"."""
    recorded: str
    today: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came of it."""

    looks: int
    decisions: int
    """Those that were compared, to hold included."""
    differences: tuple[Difference, ...]


def replay(events: Sequence[Recorded], plan: Plan) -> Replayed:
    """Decide every look of one rollout again, in order."""
    replayed = _Replay(plan)
    for place, recorded in enumerate(events):
        replayed.take(recorded, events[place + 1 :])
    return replayed.result()


class _Replay:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._state = ServiceState(service=plan.service)
        self._jury: Jury | None = None
        self._full = False
        self._looks = 0
        self._decisions = 0
        self._differences: list[Difference] = []

    def take(self, recorded: Recorded, rest: Sequence[Recorded]) -> None:
        """One event, and those that follow it."""
        self._state = apply(self._state, recorded)
        rollout = self._state.rollout
        if rollout is None:
            return
        if self._jury is None:
            plan = self._plan
            self._jury = Jury(
                gates=plan.gates, alpha=plan.alpha, compiled=rollout.compiled, sticky=plan.assign_by is not None
            )
        self._heed(recorded, rollout, self._jury, rest)

    def result(self) -> Replayed:
        """Counts and differences."""
        return Replayed(looks=self._looks, decisions=self._decisions, differences=tuple(self._differences))

    def _heed(self, recorded: Recorded, rollout: RolloutState, jury: Jury, rest: Sequence[Recorded]) -> None:
        match recorded.event:
            case Settled(step=step):
                settled(jury, rollout, step, recorded.at)
            case Chosen(model=model):
                jury.choose(model)
            case Requested(order="promote", full=True):
                self._full = True
            case RollbackBegun():
                self._full = False
            case Looked(look=look):
                jury.absorb(look)
                if look.number:
                    self._looks += 1
                    self._judge(recorded, recorded.event, jury, rest)
            case _:
                pass

    def _judge(self, recorded: Recorded, looked: Looked, jury: Jury, rest: Sequence[Recorded]) -> None:
        rollout = self._state.rollout
        assert rollout is not None
        health = tuple(verdict for verdict in looked.verdicts if verdict.gate == HEALTH)
        verdicts = (*health, *jury.verdicts(approved=rollout.signed))
        for what, before, after in _told_apart(looked.verdicts, verdicts):
            self._differ(recorded, looked, what, (before, after))
        decided = _next_decision(rest)
        if decided is None:
            return
        again = replace(recorded, event=replace(looked, verdicts=verdicts))
        state = _informed(self._state, rest)
        assert state.rollout is not None
        act = decide(situation(again, state.rollout, plan=self._plan, jury=jury, full=self._full or _asked_full(rest)))
        self._decisions += 1
        if _shown(act) != decided:
            self._differ(recorded, looked, "the decision", (decided, _shown(act)))

    def _differ(self, recorded: Recorded, looked: Looked, what: str, said: tuple[str, str]) -> None:
        self._differences.append(
            Difference(look=looked.look.number, at=recorded.at, what=what, recorded=said[0], today=said[1])
        )


def _told_apart(recorded: Sequence[Verdict], today: Sequence[Verdict]) -> Iterator[tuple[str, str, str]]:
    """Gates whose outcome is another one."""
    before, after = ({verdict.name: verdict.outcome for verdict in each} for each in (recorded, today))
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            yield f"the gate {name}", str(before.get(name, "silent")), str(after.get(name, "silent"))


def _next_decision(rest: Sequence[Recorded]) -> str | None:
    """What the run did after the look, in words; None where it could not decide any more."""
    decisive = (Looked, Passed, Reallocated, RollbackBegun, Parked, Taken, Flagged, Entered)
    return next((_taken(each.event) for each in rest if isinstance(each.event, decisive)), None)


def _taken(event: Event) -> str | None:
    match event:
        case Looked():
            return "hold"
        case Passed():
            return "advance"
        case Reallocated(propensities=propensities):
            return _weights({arm: round(part * WHOLE) for arm, part in propensities.items()})
        case RollbackBegun():
            return "roll back"
        case Parked(reason=reason) if reason != INTERRUPTED:
            return "park"
        case _:
            return None


def _informed(state: ServiceState, rest: Sequence[Recorded]) -> ServiceState:
    """With the orders that came between the look and what was decided after it."""
    for recorded in rest:
        if not isinstance(recorded.event, Requested):
            return state
        if recorded.event.order in {"promote", "abort"} and _next_decision(rest) != "hold":
            state = apply(state, recorded)
    return state


def _asked_full(rest: Sequence[Recorded]) -> bool:
    for recorded in rest:
        match recorded.event:
            case Requested(order="promote", full=True):
                return _next_decision(rest) != "hold"
            case Requested():
                continue
            case _:
                return False
    return False


def _shown(act: Act) -> str:
    match act:
        case Advance():
            return "advance"
        case RollBack():
            return "roll back"
        case Park():
            return "park"
        case Reallocate(allocation=allocation):
            return _weights(allocation.weights)
        case Hold():
            return "hold"


def _weights(weights: Mapping[str, int]) -> str:
    return "weights " + ", ".join(f"{arm} {weight / 100:g} %" for arm, weight in sorted(weights.items()))
