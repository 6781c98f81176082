"""The loop: look at the folded journal, do the next thing, record it.

Every turn starts from the state alone, so a run that continues after a crash is the same loop: a step that was entered
but not settled is carried out from whatever the world is now, a settled one is judged, a passed one is left.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from mlship.clock import Clock
from mlship.drivers.base import Driver
from mlship.engine.attend import Attendant
from mlship.engine.count import counted
from mlship.engine.decide import Advance, Hold, Park, Reallocate, RollBack, Situation, decide
from mlship.engine.hands import Hands
from mlship.engine.listen import Listener
from mlship.engine.outside import measured
from mlship.engine.record import Record
from mlship.engine.resume import last_mark, promoted_all_the_way, rebuild
from mlship.engine.rollback import roll_back, way_back_to
from mlship.engine.situation import situation
from mlship.engine.watch import Watch
from mlship.errors import JournalUnavailable, LeaseLost, MlshipError, ModelNotReady
from mlship.gates.jury import Jury
from mlship.journal.events import (
    BroughtUp,
    Chosen,
    Entered,
    Looked,
    Parked,
    Passed,
    Promoted,
    Reallocated,
    Recorded,
    Settled,
)
from mlship.journal.state import RolloutState
from mlship.journal.status import Status
from mlship.metrics.rewards import Allocation
from mlship.metrics.sources import Sources
from mlship.plan.model import Plan
from mlship.plan.routing import WHOLE
from mlship.plan.segments import moved
from mlship.plan.step import CompiledPlan, Step
from mlship.strategies import compile_plan

INTERRUPTED = "interrupted"
"""Why a run parks that somebody has interrupted: nobody has decided that."""

POLL = 0.5
"""Seconds between two looks for orders from other terminals."""


class Run:
    """One process at work on one rollout."""

    def __init__(
        self,
        *,
        plan: Plan,
        record: Record,
        driver: Driver,
        clock: Clock,
        by: str,
        replicas: Mapping[str, int],
        sources: Sources = Sources(),  # noqa: B008 - a frozen value
    ) -> None:
        self._plan = plan
        self._record = record
        self._clock = clock
        self._by = by
        self._replicas = replicas
        self._compiled: CompiledPlan = record.rollout.compiled
        self._hands = Hands(driver=driver, record=record, clock=clock)
        self._watch = Watch(driver=driver, clock=clock, warmup=plan.warmup)
        self._jury = Jury(
            gates=plan.gates, alpha=plan.alpha, compiled=self._compiled, sticky=plan.assign_by is not None
        )
        self._attendant = Attendant(hands=self._hands, record=record, compiled=self._compiled)
        events = record.events()
        rebuild(events, jury=self._jury, watch=self._watch)
        self._full = promoted_all_the_way(events)
        self._sources = sources
        self._answers = Listener(sources.answers, settled=last_mark(events)) if sources.answers else None

    def go(self, *, once: bool = False) -> Status:
        """Work until the rollout is over or parked; with `once`, until one decision is made.

        Raises:
            LeaseLost: another process took the service over; nothing more was touched.
            OutOfReach: the backend or the journal cannot be had; the traffic is where it was.
            RollbackIncomplete: a human is needed.
            KeyboardInterrupt: interrupted; the rollout is parked.
        """
        try:
            self._work(once=once)
        except KeyboardInterrupt:
            if self._record.rollout.status is Status.ROLLING_BACK:
                self._work(once=once)
                return self._record.rollout.status
            self._park(INTERRUPTED)
            raise
        return self._record.rollout.status

    def _work(self, *, once: bool) -> None:
        judged = False
        while (rollout := self._record.rollout).status in {Status.RUNNING, Status.ROLLING_BACK}:
            if rollout.status is Status.ROLLING_BACK:
                self._roll_back(rollout.reason)
            elif rollout.entered_at is None:
                self._record(Entered(step=0))
            elif rollout.passed:
                self._leave(rollout)
            elif rollout.settled_at is None:
                self._settle(rollout)
            elif once and judged:
                return
            else:
                self._judge(rollout, wait=not once)
                judged = True

    def _leave(self, rollout: RolloutState) -> None:
        if rollout.step + 1 < len(self._compiled.steps):
            self._record(Entered(step=rollout.step + 1))
        elif self._compiled.candidate is None:
            self._record(BroughtUp(model=self._compiled.live))
        else:
            self._record(Promoted(model=self._compiled.candidate, previous=self._compiled.live))

    def _settle(self, rollout: RolloutState) -> None:
        self._compiled, number = rollout.compiled, rollout.step
        step = self._compiled.steps[number]
        try:
            self._hands.carry_out(step)
        except LeaseLost:
            raise
        except JournalUnavailable:
            raise
        except MlshipError as error:
            asked = self._record.rollout.asked
            shut = asked is not None and asked.closed
            if number and (shut or isinstance(error, ModelNotReady)):
                self._roll_back(error.message)
                return
            self._park(error.message)
            raise
        if self._compiled.candidate and self._record.rollout.history is None:
            look = self._watch.history()
            self._jury.absorb(look)
            self._record(Looked(step=number, look=look, reading=self._watch.reading))
        settled = self._record(Settled(step=number, revision=rollout.revision, reading=self._watch.read()))
        if rollout.held_since is None:
            self._jury.begin(step, settled.at)
        else:
            self._jury.reroute(step, settled.at)

    def _judge(self, rollout: RolloutState, *, wait: bool) -> None:
        step, began_at = self._compiled.steps[rollout.step], rollout.began_at
        assert began_at is not None
        if not (step.gates or step.guards or step.hold or self._record.order()):
            self._record(Passed(step=rollout.step, reason="nothing to wait for"))
            return
        if wait:
            self._wait(step, began_at)
            if self._record.rollout.settled_at is None:
                return
        looked = self._look(step, rollout.settled_at or began_at)
        self._act(self._situation(looked))

    def _look(self, step: Step, settled_at: float) -> Recorded:
        look, rollout, mark_of_outcomes = self._watch.look(step, settled_at=settled_at), self._record.rollout, ""
        if self._answers and step.routing.mirrors:
            look = self._answers.heard(look, step.routing, since=rollout.entered_at or settled_at)
        if self._sources.outcomes:
            look, mark_of_outcomes = counted(look, step, rollout, self._sources.outcomes)
        if self._sources.outside:
            gates, candidate = self._plan.gates, self._compiled.candidate
            look = measured(look, step, gates, self._sources.outside, candidate=candidate)
        self._jury.absorb(look)
        health = self._attendant.attend(step)
        verdicts = (*health, *self._jury.verdicts(approved=self._record.rollout.signed))
        number = self._record.rollout.step
        mark = self._answers.mark if self._answers else ""
        looked = self._record(
            Looked(
                step=number,
                look=look,
                verdicts=verdicts,
                reading=self._watch.reading,
                mark=mark,
                counted=mark_of_outcomes,
            )
        )
        if self._answers:
            self._answers.settle()
        return looked

    def _situation(self, looked: Recorded) -> Situation:
        order = self._record.order()
        self._full = self._full or (order is not None and order.full)
        return situation(looked, self._record.rollout, plan=self._plan, jury=self._jury, full=self._full)

    def _act(self, situation: Situation) -> None:
        match decide(situation):
            case Advance() | Reallocate() if self._record.rollout.settled_at is None:
                # The rules were changed while the look was taken: it speaks of the older ones.
                pass
            case Advance(reason=reason, through=through):
                if through:
                    self._choose(through)
                self._record(Passed(step=self._record.rollout.step, reason=reason))
            case RollBack(reason=reason):
                self._roll_back(reason)
            case Park(reason=reason):
                self._park(reason)
            case Reallocate(allocation=allocation):
                self._reallocate(allocation)
            case Hold():
                pass

    def _reallocate(self, allocation: Allocation) -> None:
        rollout = self._record.rollout
        routing = self._compiled.steps[rollout.step].routing
        weights = allocation.weights
        self._record(
            Reallocated(
                step=rollout.step,
                revision=rollout.revision + 1,
                segments=moved(routing.segments, weights, live=self._compiled.live),
                propensities={arm: weight / WHOLE for arm, weight in weights.items()},
                reason=allocation.reason,
                beliefs=allocation.beliefs,
            )
        )

    def _choose(self, through: tuple[str, ...]) -> None:
        """Of those that passed the best goes on, and the steps from here on are compiled for it."""
        model, reason = self._jury.best(through)
        plan = replace(self._plan, candidate=model)
        compiled = compile_plan(plan, live=self._compiled.live, salt=self._record.rollout.rollout)
        number = self._record.rollout.step
        # What is carried out already stays as it is: its weights may have moved since it was compiled.
        steps = (*self._compiled.steps[: number + 1], *compiled.steps[number + 1 :])
        compiled = replace(compiled, steps=steps)
        self._record(Chosen(step=number, model=model, reason=reason, compiled=compiled))
        self._compiled = compiled
        self._jury.choose(model)
        self._attendant = Attendant(hands=self._hands, record=self._record, compiled=compiled)

    def _wait(self, step: Step, settled_at: float) -> None:
        """Until the next look is due, or an order arrives."""
        now = self._clock.now()
        moments = (settled_at + step.hold, settled_at + step.deadline)
        until = min([now + self._plan.look_every, *(moment for moment in moments if moment > now)])
        # A clock that is set back must not make a look wait longer than its turn.
        while 0 < (left := until - self._clock.now()) <= until - now:
            order = self._record.order()
            changed = self._record.rollout.settled_at is None
            if changed or (order is not None and order.order in {"promote", "abort"}):
                return
            self._clock.sleep(min(POLL, left))

    def _roll_back(self, reason: str) -> None:
        hands, record, rollout = self._hands, self._record, self._record.rollout
        begun = rollout.back_to if rollout.status is Status.ROLLING_BACK else None
        way_back = self._compiled.way_back
        if begun is not None and begun != self._compiled.live:
            way_back = way_back_to(begun, self._replicas, seen=hands.observe())
        roll_back(hands=hands, record=record, clock=self._clock, way_back=way_back, reason=reason, by=self._by)

    def _park(self, reason: str) -> None:
        self._record(Parked(reason=reason))
