"""A made-up rollout with three challengers as events: v4 errs and is out, v3 is right more often than v2."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mlship.journal.events import (
    Chosen,
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
from mlship.metrics.answers import Answers, Cell, Pairs
from mlship.metrics.counters import Tally
from mlship.metrics.look import Look
from mlship.plan.routing import WHOLE
from mlship.plan.step import CompiledPlan
from mlship.plan.verdict import Evidence, Outcome, Verdict
from tests.views.contest_plan import compiled
from tests.views.story import START, latency

EVERY = 5.0
LOOKS = 12
"""In the shadow."""

MEASURED = {
    "no-more-errors": ("odds ratio", 1.08, (0.61, 1.93)),
    "not-slower": ("requests over 50 ms", 0.0521, (0.0487, 0.0561)),
    "right-more-often": ("gain in accuracy", 0.031, (0.011, 0.052)),
}


@dataclass
class Contest:
    """Tells one rollout; with `hopeless`, no challenger is good enough."""

    mirror: dict[str, int] | None = None
    hopeless: bool = False
    at: float = START
    seq: int = 0
    looks: int = 0
    requests: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    def tell(self) -> Iterator[Recorded]:
        """Every event of the rollout, in order."""
        plan = compiled(mirror=self.mirror)
        yield self._said(Started(plan={"service": "fraud-scorer"}, base="/srv", compiled=plan, by="ada@build-7"))
        yield self._said(Taken(by="ada@build-7", reason=""))
        yield from self._step(plan, 0, looks=0)
        yield from self._step(plan, 1, looks=LOOKS)
        if self.hopeless:
            yield from self._back(plan)
            return
        model = "v3" if len(plan.steps[1].challengers) > 1 else "v2"
        plan = compiled(model, self.mirror)
        why = "the largest gain in accuracy: v2 +0.3 points, v3 +3.1 points" if model == "v3" else "the only one"
        yield self._said(Chosen(step=1, model=model, reason=why, compiled=plan))
        yield self._said(Passed(step=1, reason="v2 and v3 passed every gate"))
        for index in range(2, len(plan.steps)):
            yield from self._step(plan, index, looks=math.ceil(plan.steps[index].hold / EVERY))
            yield self._said(Passed(step=index, reason="every gate passes" if plan.steps[index].gates else "held"))
        yield self._said(Promoted(model=model, previous="v1"))

    def _step(self, plan: CompiledPlan, index: int, *, looks: int) -> Iterator[Recorded]:
        step = plan.steps[index]
        yield self._said(Entered(step=index))
        for model, replicas in step.ready.items():
            yield self._said(Intended(verb="ensure", model=model, replicas=replicas))
            yield self._said(Done(verb="ensure", model=model, seconds=1.5), after=1.5)
        yield self._said(Intended(verb="route", routing=step.routing))
        yield self._said(Done(verb="route", seconds=0.04), after=0.04)
        for model in step.keep:
            yield self._said(Intended(verb="retire", model=model))
            yield self._said(Done(verb="retire", model=model, seconds=0.3), after=0.3)
        yield self._said(Settled(step=index))
        for number in range(looks):
            yield self._look(plan, index, number)
        if index == 0:
            yield self._said(Passed(step=index, reason="held"))

    def _back(self, plan: CompiledPlan) -> Iterator[Recorded]:
        why = "no challenger is good enough: v2: right-more-often: accuracy -0.8 points; v3: the same; v4: it errs"
        yield self._said(RollbackBegun(to="v1", reason=why, by="mlship"))
        yield self._said(Intended(verb="route", routing=plan.way_back.routing))
        yield self._said(Done(verb="route", seconds=0.2), after=0.2)
        yield self._said(RolledBack(to="v1", seconds=0.2))

    def _look(self, plan: CompiledPlan, index: int, number: int) -> Recorded:
        step, self.looks = plan.steps[index], self.looks + 1
        shares = {**step.routing.weights, **{mirror.model: mirror.share for mirror in step.routing.mirrors}}
        tallies = {model: self._tally(model, share) for model, share in shares.items()}
        for model, tally in tallies.items():
            self.requests[model] = self.requests.get(model, 0) + tally.requests
            self.errors[model] = self.errors.get(model, 0) + tally.errors
        start, self.at = self.at, self.at + EVERY
        look = Look(
            number=self.looks,
            start=start,
            end=self.at,
            weights=dict(step.routing.weights),
            tallies=tallies,
            settling=number == 0,
            answers={mirror.model: self._answers(tallies[mirror.model]) for mirror in step.routing.mirrors},
        )
        return self._said(Looked(step=index, look=look, verdicts=tuple(self._verdicts(plan, index, number))))

    def _tally(self, model: str, share: int) -> Tally:
        requests = round((1000 + 150 * math.sin(self.looks / 3)) * share / WHOLE)
        errors = round(requests * (0.12 if model == "v4" else 0.004))
        scale = {"v1": 0.02, "v3": 0.03}.get(model, 0.024)
        dropped = 3 if model == "v4" else 0
        return Tally(requests=requests, errors=errors, latency=latency(requests, scale), dropped=dropped)

    def _answers(self, tally: Tally) -> Answers:
        """Half of the requests are sampled, a sixth of these labelled."""
        pairs = (tally.requests - tally.errors) // 2
        won, lost, wrong = round(pairs * 0.009), round(pairs * 0.004), round(pairs * 0.012)
        right = round(pairs / 6) - won - lost - wrong
        cells = (
            Cell(truth="1", live="1", challenger="1", count=right),
            Cell(truth="1", live="0", challenger="1", count=won),
            Cell(truth="0", live="0", challenger="1", count=lost),
            Cell(truth="0", live="1", challenger="1", count=wrong),
        )
        return Answers(
            total=Pairs(
                pairs=pairs,
                agreed=round(pairs * 0.972),
                unpaired=tally.errors // 2 + tally.dropped,
                labelled=right + won + lost + wrong,
                right=(lost, won),
                cells=cells,
            )
        )

    def _verdicts(self, plan: CompiledPlan, index: int, number: int) -> Iterator[Verdict]:
        step = plan.steps[index]
        several = len(step.challengers) > 1
        for model in step.challengers or (plan.candidate or "",):
            for gate in (*step.gates, *step.guards):
                yield self._verdict(gate, model, number, challenger=model if several else "")

    def _verdict(self, gate: str, model: str, number: int, *, challenger: str) -> Verdict:
        counted: Mapping[str, tuple[int, int]] = {
            name: (self.errors.get(name, 0), self.requests.get(name, 0)) for name in ("v1", model)
        }
        ill = model == "v4" and gate == "no-more-errors" and number >= 3
        pace = {"v2": 1.35, "v3": 1.4, "v4": 1.1}[model] if gate == "right-more-often" else 1.6
        proof = min(60.0, pace ** (number + 1))
        outcome = Outcome.FAIL if ill else Outcome.PASS if proof >= 20 else Outcome.WAIT
        if gate == "error-ceiling":
            evidence = Evidence(measure="error rate", estimate=0.004, interval=(0.001, 0.01), e_value=0.02, limit=180.0)
            said, outcome = "0.4 % errors, at most 5 %", Outcome.PASS
        else:
            measure, estimate, interval = MEASURED[gate]
            evidence = Evidence(
                measure=measure,
                estimate=estimate,
                interval=interval,
                e_value=200.0 if ill else 0.31,
                limit=180.0,
                proof=proof,
                proof_limit=60.0,
                candidate=counted[model],
                live=counted["v1"],
            )
            said = {Outcome.PASS: "no harm seen", Outcome.WAIT: "more answers are needed"}.get(outcome, "it errs more")
        return Verdict(gate=gate, outcome=outcome, reason=said, evidence=evidence, challenger=challenger)

    def _said(self, event: Event, after: float = 0.0) -> Recorded:
        self.at += after
        self.seq += 1
        return Recorded(seq=self.seq, service="fraud-scorer", rollout="k7f3a9", at=self.at, event=event, fence=1)
