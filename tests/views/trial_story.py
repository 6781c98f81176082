"""A made-up A/B test and a made-up bandit as events: every number is fixed, so that a page of them stays the same."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from mlship.journal.events import (
    Chosen,
    Done,
    Entered,
    Event,
    Intended,
    Looked,
    Passed,
    Promoted,
    Reallocated,
    Recorded,
    Settled,
    Started,
    Taken,
)
from mlship.metrics.counters import Tally
from mlship.metrics.look import Look
from mlship.metrics.rewards import Belief, Reward, Rewards
from mlship.plan.routing import WHOLE
from mlship.plan.step import CompiledPlan
from mlship.plan.verdict import Evidence, Outcome, Verdict
from mlship.strategies import compile_plan
from tests.scenarios.experiments import ab, bandit
from tests.views.story import START, latency
from tests.views.trials import planned

EVERY = 5.0
PER_LOOK = 900
YOUNG = 2
"""Looks after which a user is counted."""
RATES = {"v1": 0.051, "v2": 0.059, "v3": 0.043}
SHARES = (
    {"v1": 3000, "v2": 4500, "v3": 2500},
    {"v1": 2100, "v2": 6500, "v3": 1400},
    {"v1": 2000, "v2": 8000},
)
"""Of the bandit: at looks 4, 7 and 10."""


@dataclass
class Trialled:
    """Tells one rollout: an A/B test of v2, or with `moving` a bandit that takes v3 out after three moves."""

    moving: bool = False
    looks: int = 16
    at: float = START
    seq: int = 0
    number: int = 0
    shares: list[Mapping[str, int]] = field(default_factory=list)
    counted: dict[str, tuple[int, int]] = field(default_factory=dict)

    def tell(self) -> Iterator[Recorded]:
        """Every event of the rollout, in order."""
        plan = self._plan()
        yield self._said(Started(plan={"service": "shop"}, base="/srv", compiled=plan, by="ada@build-7"))
        yield self._said(Taken(by="ada@build-7", reason=""))
        yield from self._in_place(plan, 0)
        yield self._said(Passed(step=0, reason="held"))
        yield from self._in_place(plan, 1)
        plan = yield from self._tried(plan)
        if self.moving:
            why = "the likeliest to be the best by conversion: v2 0.99"
            yield self._said(Chosen(step=1, model="v2", reason=why, compiled=plan))
        yield self._said(Passed(step=1, reason="v2 passed every gate"))
        for index in range(2, len(plan.steps)):
            yield from self._in_place(plan, index)
            yield self._said(Passed(step=index, reason="held"))
        yield self._said(Promoted(model="v2", previous="v1"))

    def _plan(self) -> CompiledPlan:
        stage = bandit(gates=("conversion-race",)) if self.moving else ab(gates=("conversion-decides",))
        asked = planned(stage, v2={}, v3={}) if self.moving else planned(stage, v2={})
        return compile_plan(asked, live="v1", salt="x")

    def _in_place(self, plan: CompiledPlan, index: int) -> Iterator[Recorded]:
        step = plan.steps[index]
        yield self._said(Entered(step=index))
        yield self._said(Intended(verb="route", routing=step.routing))
        yield self._said(Done(verb="route", seconds=0.04), after=0.04)
        yield self._said(Settled(step=index))

    def _tried(self, plan: CompiledPlan) -> Generator[Recorded, None, CompiledPlan]:
        """Look after look; what is returned is the plan with the weights that it ends with."""
        for look in range(1, self.looks + 1):
            yield self._look(plan.steps[1].routing.weights, final=look == self.looks)
            if self.moving and look in {4, 7, 10}:
                weights = SHARES[look // 3 - 1]
                plan = _rerouted(plan, weights)
                yield self._said(self._moved(weights, look // 3))
                yield self._said(Intended(verb="route", routing=plan.steps[1].routing))
                yield self._said(Done(verb="route", seconds=0.04), after=0.04)
                yield self._said(Settled(step=1, revision=look // 3))
        return plan

    def _moved(self, weights: Mapping[str, int], revision: int) -> Reallocated:
        best = {arm: weight / WHOLE for arm, weight in weights.items()}
        told = ", ".join(f"{arm} {chance:.2f}" for arm, chance in best.items())
        return Reallocated(
            step=1,
            revision=revision,
            segments=tuple(weights.items()),
            propensities=best,
            reason=f"best with probability {told}",
            beliefs={
                arm: Belief(units=1.0, sum=0.0, square=0.0, value=0.0, best=chance) for arm, chance in best.items()
            },
        )

    def _look(self, weights: Mapping[str, int], *, final: bool) -> Recorded:
        self.number += 1
        self.shares.append(weights)
        tallies = {arm: self._tally(PER_LOOK * weight // WHOLE) for arm, weight in weights.items()}
        start, self.at = self.at, self.at + EVERY
        look = Look(
            number=self.number,
            start=start,
            end=self.at,
            weights=dict(weights),
            tallies=tallies,
            rewards=self._rewards(),
        )
        return self._said(Looked(step=1, look=look, verdicts=tuple(self._verdicts(weights, final=final))))

    def _tally(self, requests: int) -> Tally:
        return Tally(requests=requests, errors=requests // 250, latency=latency(requests, 0.02))

    def _rewards(self) -> Rewards:
        ripe = self.shares[-1 - YOUNG] if len(self.shares) > YOUNG else {}
        arms = {}
        for arm in self.shares[0]:
            units = PER_LOOK * ripe.get(arm, 0) // WHOLE
            had, every = self.counted.get(arm, (0, 0))
            total = every + units
            new = round(RATES[arm] * total) - had
            self.counted[arm] = (had + new, total)
            arms[arm] = Reward(units=units, sum=new, square=new, reported=new)
        pending = {arm: sum(PER_LOOK * w.get(arm, 0) // WHOLE for w in self.shares[-YOUNG:]) for arm in self.shares[0]}
        return Rewards(start=START, end=self.at, weights=dict(ripe), arms=arms, pending=pending)

    def _verdicts(self, weights: Mapping[str, int], *, final: bool) -> Iterator[Verdict]:
        for arm in [arm for arm in weights if arm != "v1"]:
            whom = arm if self.moving else ""
            yield self._raced(arm, final=final) if self.moving else self._decided(final=final)
            ceiling = Evidence(measure="error rate", estimate=0.004, interval=(0.001, 0.01), e_value=0.02, limit=60.0)
            said = "0.4 % errors, at most 5 %"
            yield Verdict(gate="error-ceiling", outcome=Outcome.PASS, reason=said, evidence=ceiling, challenger=whom)

    def _decided(self, *, final: bool) -> Verdict:
        proof = min(20.0, 1.22**self.number)
        evidence = self._evidence("gain in conversion", "v2", proof=20.0 if final else proof, limit=20.0)
        evidence = replace(evidence, estimate=0.008, interval=(0.002 if final else -0.004, 0.014))
        if final:
            told = "proven better (p = 0.05): v2 5.9 % of 6 300, v1 5.1 % of 6 300: +0.8 points [+0.2, +1.4]"
            return Verdict(gate="conversion-decides", outcome=Outcome.PASS, reason=told, evidence=evidence)
        told = "not decided: v2 5.9 % of 2 250, v1 5.1 % of 2 250: +0.8 points [-0.4, +1.4]"
        return Verdict(gate="conversion-decides", outcome=Outcome.WAIT, reason=told, evidence=evidence)

    def _raced(self, arm: str, *, final: bool) -> Verdict:
        best = {"v2": 0.93, "v3": 0.01}[arm]
        evidence = self._evidence("probability of being best by conversion", arm, proof=1.3**self.number, limit=60.0)
        evidence = replace(evidence, estimate=best)
        outcome, told = Outcome.WAIT, "v2 leads, not proven: v1 5.1 % of 1 404, v2 5.9 % of 2 800, v3 4.3 % of 1 170"
        if arm == "v3" and self.number == 10:
            outcome, told = Outcome.FAIL, "v2 is proven better: v2 5.9 % of 2 800, v3 4.3 % of 1 170"
        if final:
            outcome, told = (
                Outcome.PASS,
                "v2 is proven better than each other arm: v1 5.1 % of 2 376, v2 5.9 % of 7 000",
            )
        return Verdict(gate="conversion-race", outcome=outcome, reason=told, evidence=evidence, challenger=arm)

    def _evidence(self, measure: str, arm: str, *, proof: float, limit: float) -> Evidence:
        return Evidence(
            measure=measure,
            e_value=0.31,
            limit=60.0,
            proof=min(limit, proof) if arm == "v2" else 0.2,
            proof_limit=limit,
            candidate=self.counted.get(arm),
            live=self.counted.get("v1"),
        )

    def _said(self, event: Event, after: float = 0.0) -> Recorded:
        self.at += after
        self.seq += 1
        return Recorded(seq=self.seq, service="shop", rollout="k7f3a9", at=self.at, event=event, fence=1)


def _rerouted(plan: CompiledPlan, weights: Mapping[str, int]) -> CompiledPlan:
    first, step, *rest = plan.steps
    moved = replace(step, routing=replace(step.routing, segments=tuple(weights.items())))
    return replace(plan, steps=(first, moved, *rest))
