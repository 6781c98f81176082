"""Looking after the models and the router while a step waits: what died is seen, and what can be put right is."""

from __future__ import annotations

from msgspec.structs import replace

from mlship.drivers.base import Observed, ObservedModel
from mlship.engine.hands import Hands
from mlship.engine.record import Record
from mlship.errors import LeaseLost, MlshipError, OutOfReach
from mlship.journal.events import Repaired
from mlship.plan.step import CompiledPlan, Step
from mlship.plan.verdict import Outcome, Verdict

GATE = "health"

PATIENCE = 3
"""Looks in a row for which a running replica may miss its health check."""


class Attendant:
    """Asks the world at every look. The candidate's health is a verdict; the live model and the router are repaired."""

    def __init__(self, *, hands: Hands, record: Record, compiled: CompiledPlan) -> None:
        self._hands = hands
        self._record = record
        self._compiled = compiled
        self._missed: dict[str, int] = {}

    def attend(self, step: Step) -> tuple[Verdict, ...]:
        """Repair what can be repaired; a verdict where something stands against going on."""
        try:
            seen = self._hands.observe()
            trouble = self._repair(seen, step)
        except LeaseLost:
            raise
        except OutOfReach as error:
            return (Verdict(gate=GATE, outcome=Outcome.BLIND, reason=error.message),)
        if trouble:
            return (Verdict(gate=GATE, outcome=Outcome.BLIND, reason=trouble),)
        return self._candidates(seen, step)

    def _repair(self, seen: Observed, step: Step) -> str:
        """Words for what could not be repaired; empty: all is well."""
        live = self._compiled.live
        wanted = step.keep.get(live, self._compiled.way_back.ready[live])
        if seen.router and seen.routing != step.routing.reached:
            return "the routing was changed by somebody else"
        try:
            if step.routing.share(live) and seen.models.get(live, ObservedModel()).running < wanted:
                self._hands.scale({live: wanted}, seen)
                self._record(Repaired(what=f"{live} had died and serves again"))
            if not seen.router:
                self._hands.carry_out(Step(stage=step.stage, strategy="", label=step.label, routing=step.routing))
                self._record(Repaired(what="the router had died and serves again"))
        except LeaseLost:
            raise
        except MlshipError as error:
            return error.message
        return ""

    def _candidates(self, seen: Observed, step: Step) -> tuple[Verdict, ...]:
        if len(step.challengers) > 1:
            found = ((name, self._health(name, seen, step)) for name in step.challengers)
            return tuple(replace(verdict, challenger=name) for name, verdict in found if verdict)
        candidate = next(iter(step.challengers), self._compiled.candidate)
        verdict = self._health(candidate, seen, step) if candidate else None
        return (verdict,) if verdict else ()

    def _health(self, model: str, seen: Observed, step: Step) -> Verdict | None:
        wanted = step.ready.get(model, 0)
        if not wanted:
            return None
        there = seen.models.get(model, ObservedModel())
        self._missed[model] = 0 if there.ready >= wanted else self._missed.get(model, 0) + 1
        if there.restarts:
            again = f"{model} died and was started again {there.restarts} times"
            return Verdict(gate=GATE, outcome=Outcome.FAIL, reason=again)
        if there.running >= wanted and self._missed[model] < PATIENCE:
            return None
        died = f"{wanted - there.running} of {wanted} replicas of {model} died"
        hangs = f"{wanted - there.ready} of {wanted} replicas of {model} fail their health check"
        return Verdict(gate=GATE, outcome=Outcome.FAIL, reason=died if there.running < wanted else hangs)
