"""A made-up rollout as events: every number is fixed, so that a view of it can be compared as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from mlship.journal.events import (
    Done,
    Entered,
    Event,
    Intended,
    Looked,
    Passed,
    Promoted,
    Recorded,
    RollbackBegun,
    RolledBack,
    Settled,
    Started,
    Taken,
)
from mlship.metrics.counters import LATENCY_EDGES, Tally
from mlship.metrics.look import Look
from mlship.plan.routing import WHOLE
from mlship.plan.step import CompiledPlan
from mlship.plan.verdict import Evidence, Outcome, Verdict
from mlship.strategies import compile_plan
from tests.strategies.plans import canary, plan

START = 1_767_225_600.0
"""2026-01-01 00:00:00 UTC."""
EVERY = 5.0
WEIGHTS = (500, 2500, 5000)


def compiled() -> CompiledPlan:
    """Three canary steps between bringing up and retiring."""
    return compile_plan(plan(canary(*WEIGHTS), bake=30.0, service="fraud-scorer"), live="v1", salt="x")


@dataclass
class Story:
    """Tells one rollout; `bad` makes the candidate err from step `bad` on."""

    bad: int | None = None
    at: float = START
    seq: int = 0
    looks: int = 0
    seen: Mapping[str, tuple[int, int]] | None = None

    def tell(self) -> Iterator[Recorded]:
        """Every event of the rollout, in order."""
        steps = compiled()
        yield self._said(Started(plan={"service": "fraud-scorer"}, base="/srv", compiled=steps, by="ada@build-7"))
        yield self._said(Taken(by="ada@build-7", reason=""))
        for index in range(len(steps.steps)):
            yield from self._step(steps, index)
            if index == self.bad:
                yield from self._back()
                return
        yield self._said(Promoted(model="v2", previous="v1"))

    def _step(self, plan_: CompiledPlan, index: int) -> Iterator[Recorded]:
        step = plan_.steps[index]
        yield self._said(Entered(step=index))
        for model, replicas in step.ready.items():
            yield self._said(Intended(verb="ensure", model=model, replicas=replicas))
            yield self._said(Done(verb="ensure", model=model, seconds=1.5), after=1.5)
        yield self._said(Intended(verb="route", routing=step.routing))
        yield self._said(Done(verb="route", seconds=0.04), after=0.04)
        yield self._said(Settled(step=index))
        for number in range(math.ceil(step.hold / EVERY)):
            yield self._look(plan_, index, settling=number == 0)
        if index != self.bad:
            yield self._said(Passed(step=index, reason="every gate passes" if step.gates else "held"))

    def _back(self) -> Iterator[Recorded]:
        yield self._said(RollbackBegun(to="v1", reason="no-more-errors: v2 errs more often than v1", by="mlship"))
        yield self._said(Intended(verb="route", routing=compiled().way_back.routing))
        yield self._said(Done(verb="route", seconds=0.2), after=0.2)
        yield self._said(RolledBack(to="v1", seconds=0.2))

    def _look(self, plan_: CompiledPlan, index: int, *, settling: bool) -> Recorded:
        step, self.looks = plan_.steps[index], self.looks + 1
        tallies = {model: self._tally(model, points, index) for model, points in step.routing.weights.items()}
        self.seen = {
            model: (bad + tallies.get(model, Tally()).errors, every + tallies.get(model, Tally()).requests)
            for model, (bad, every) in (self.seen or {"v1": (0, 0), "v2": (0, 0)}).items()
        }
        start, self.at = self.at, self.at + EVERY
        look = Look(
            number=self.looks,
            start=start,
            end=self.at,
            weights=dict(step.routing.weights),
            tallies=tallies,
            settling=settling,
        )
        verdicts = tuple(self._verdict(gate, index) for gate in (*step.gates, *step.guards))
        return self._said(Looked(step=index, look=look, verdicts=verdicts))

    def _tally(self, model: str, points: int, index: int) -> Tally:
        requests = round((1000 + 150 * math.sin(self.looks / 3)) * points / WHOLE)
        ill = model == "v2" and self.bad == index
        errors = round(requests * (0.09 if ill else 0.004 + 0.004 * (self.looks % 4 == 0)))
        return Tally(requests=requests, errors=errors, latency=latency(requests, 0.03 if model == "v2" else 0.02))

    def _verdict(self, gate: str, index: int) -> Verdict:
        assert self.seen is not None
        if gate == "error-ceiling":
            evidence = Evidence(measure="error rate", estimate=0.004, interval=(0.001, 0.011), e_value=0.02, limit=60.0)
            return Verdict(gate=gate, outcome=Outcome.PASS, reason="0.4 % errors, at most 5 %", evidence=evidence)
        ill = self.bad == index
        e_value = min(80.0, 3.0**self.looks / 40) if ill and gate == "no-more-errors" else 0.31
        proof = min(20.0, 1.12**self.looks)
        outcome = Outcome.FAIL if e_value >= 60 else Outcome.PASS if proof >= 4 else Outcome.WAIT
        evidence = Evidence(
            measure="odds ratio" if gate == "no-more-errors" else "requests over 50 ms",
            estimate=1.08 if gate == "no-more-errors" else 0.0521,
            interval=(0.61, 1.93) if gate == "no-more-errors" else (0.0487, 0.0561),
            e_value=e_value,
            limit=60.0,
            proof=proof,
            proof_limit=20.0,
            candidate=self.seen["v2"],
            live=self.seen["v1"],
        )
        said = {Outcome.PASS: "no harm seen", Outcome.WAIT: "more requests are needed", Outcome.FAIL: "v2 errs more"}
        return Verdict(gate=gate, outcome=outcome, reason=said[outcome], evidence=evidence)

    def _said(self, event: Event, after: float = 0.0) -> Recorded:
        self.at += after
        self.seq += 1
        return Recorded(seq=self.seq, service="fraud-scorer", rollout="k7f3a9", at=self.at, event=event, fence=1)


def latency(requests: int, scale: float) -> tuple[int, ...]:
    """Exponential with mean `scale` seconds, rounded so that the counts sum to `requests`."""
    reached = [0, *(round(requests * (1 - math.exp(-edge / scale))) for edge in LATENCY_EDGES), requests]
    return tuple(after - before for before, after in pairwise(reached))
