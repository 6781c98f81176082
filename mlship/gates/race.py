"""The gate of a bandit: where the traffic goes next, who is out, and when it is over."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from zlib import crc32

import numpy as np

from mlship.gates.account import e_value
from mlship.gates.arms import Arms
from mlship.gates.strata import PATIENCE
from mlship.gates.wording import grouped, percent
from mlship.metrics.look import Look
from mlship.metrics.rewards import Allocation
from mlship.plan.outcome import Policy, Race, Stop
from mlship.plan.routing import WHOLE
from mlship.plan.step import Step
from mlship.plan.verdict import Evidence, Outcome, Verdict
from mlship.stats.allocation import bounded, epsilon_greedy, kl_ucb, probability_matching, rounded, sharpening, thompson
from mlship.stats.posterior import expected_losses
from mlship.stats.race import MeansRace, Standings
from mlship.stats.race import Race as RateRace

DRAWS = 1000
"""Of Thompson sampling, per change of the weights."""

_Answer = tuple[Outcome, str, str]
"""How the race stands, who has won it (empty: nobody), and why."""


class RaceJudge:
    """All arms of one bandit. The same looks in the same order make the same weights, in whatever process."""

    def __init__(self, gate: Race, *, live: str, rivals: Sequence[str]) -> None:
        self._gate = gate
        self._live = live
        self._arms = Arms((live, *rivals), gate.metric)
        self._rates = RateRace(arms=1 + len(rivals), alpha=gate.alpha)
        self._means = MeansRace(arms=1 + len(rivals), alpha=gate.alpha)
        self._weights: Mapping[str, int] = {}
        self._changed_at = 0.0
        self._fresh = 0
        self._active = False
        self._silent = 0
        self._trouble = ""
        self._absorbed: set[int] = set()

    def begin(self, step: Step, at: float) -> None:
        """A step starts; whether the race is on in it."""
        self._active = step.race == self._gate.name
        self._silent = 0
        self._moved(step, at)

    def reroute(self, step: Step, at: float) -> None:
        """The weights have moved: what is old counts less from here on."""
        self._arms.forget(self._gate.discount)
        self._moved(step, at)

    def absorb(self, look: Look) -> None:
        """The cohort that the look has counted, if any; a look that has been taken is not taken again."""
        if not self._active or look.number in self._absorbed:
            return
        self._absorbed.add(look.number)
        if look.rewards is None:
            self._silent += 1
            self._trouble = look.trouble or "no outcomes"
            return
        self._silent = 0
        fresh = self._arms.absorb(look.rewards)
        if self._arms.is_rate:
            self._rates.absorb([(round(found.sum), found.count) for found in fresh.values()])
        else:
            self._means.absorb(list(fresh.values()))
        self._fresh += sum(found.count for found in fresh.values())

    def verdicts(self, dead: Collection[str]) -> Mapping[str, Verdict]:
        """Rival → won, lost or still running. The dead are out of it, whatever they have earned."""
        alive = self._alive(dead)
        answer = self._answer(alive)
        return {arm: self._verdict(arm, alive, answer) for arm in alive if arm != self._live}

    def allocation(self, dead: Collection[str], now: float, *, salt: str) -> Allocation | None:
        """The weights from `now` on; None: they stay. `salt` feeds the policy that draws."""
        alive = self._alive(dead)
        urgent = any(self._weights.get(arm) for arm in dead)
        if not self._active or not (urgent or self._due(alive, now)):
            return None
        weights = self._divided(alive, salt)
        if weights == dict(self._weights):
            return None
        beliefs = self._arms.beliefs(alive)
        chances = ", ".join(f"{arm} {belief.best:.2f}" for arm, belief in beliefs.items())
        return Allocation(weights=weights, reason=f"best with probability {chances}", beliefs=beliefs, urgent=urgent)

    def _divided(self, alive: Sequence[str], salt: str) -> dict[str, int]:
        shares = self._shares(alive, salt) if self._warm(alive) else _as_they_are(alive, self._weights)
        floor, ceiling = self._gate.floor / WHOLE, self._gate.ceiling / WHOLE
        # Of few arms that are left, the ceiling may leave room for nobody.
        within = bounded(shares, floor, max(ceiling, 1 / len(alive)))
        weights = zip(alive, rounded(within, WHOLE, floor=floor), strict=True)
        return {arm: weight for arm, weight in weights if weight}

    def _answer(self, alive: Sequence[str]) -> _Answer:
        fewest = min(alive, key=self._arms.units)
        if self._silent >= PATIENCE:
            return Outcome.BLIND, "", f"{self._trouble}, for {self._silent} looks"
        if len(alive) == 1:
            return Outcome.PASS, alive[0], "the only arm that is left"
        if self._arms.units(fewest) < self._gate.least:
            counted = f"{grouped(self._arms.units(fewest))} of {grouped(self._gate.least)}"
            return Outcome.WAIT, "", f"{counted} units of {fewest} counted"
        match self._gate.stop:
            case Stop.EVIDENCE:
                return self._by_evidence(alive)
            case Stop.LOSS:
                return self._by_loss(alive)
            case Stop.HORIZON:
                return self._by_horizon(alive)

    def _by_evidence(self, alive: Sequence[str]) -> _Answer:
        winner = self._standings.winner_among([self._place(arm) for arm in alive])
        if winner is not None:
            name = self._arms.names[winner]
            return Outcome.PASS, name, f"{name} is proven better than each other arm: {self._arms.told(alive)}"
        return Outcome.WAIT, "", f"{self._arms.leader(alive)} leads, not proven: {self._arms.told(alive)}"

    def _by_loss(self, alive: Sequence[str]) -> _Answer:
        posteriors, leader = self._arms.posteriors(alive), self._arms.leader(alive)
        place = list(alive).index(leader)
        loss, value = expected_losses(posteriors)[place], abs(posteriors[place].mean)
        part = loss / value if value else math.inf
        if math.isinf(part):
            return Outcome.WAIT, "", f"{leader} leads, worth nothing so far: {self._arms.told(alive)}"
        told = f"choosing {leader} loses {percent(part)} of its value, {percent(self._gate.loss)} may be lost"
        if part <= self._gate.loss:
            return Outcome.PASS, leader, f"{told}; nothing is proven"
        return Outcome.WAIT, "", told

    def _by_horizon(self, alive: Sequence[str]) -> _Answer:
        spent, horizon, leader = self._arms.spent, self._gate.horizon or 0, self._arms.leader(alive)
        told = f"{grouped(spent)} of {grouped(horizon)} units counted, {leader} leads: {self._arms.told(alive)}"
        if spent >= horizon:
            return Outcome.PASS, leader, f"{told}; nothing is proven"
        return Outcome.WAIT, "", told

    def _verdict(self, arm: str, alive: Sequence[str], answer: _Answer) -> Verdict:
        outcome, winner, reason = answer
        beaten_by = self._beaten_by(arm, alive) if outcome is Outcome.WAIT else ""
        if beaten_by:
            outcome, reason = Outcome.FAIL, f"{beaten_by} is proven better: {self._arms.told([beaten_by, arm])}"
        elif winner and winner != arm:
            outcome = Outcome.FAIL
        evidence = self._evidence(arm, alive)
        return Verdict(gate=self._gate.name, outcome=outcome, reason=reason, evidence=evidence, challenger=arm)

    def _evidence(self, arm: str, alive: Sequence[str]) -> Evidence:
        """Against the arm: that the live model is better. For it: that it is better than each other arm."""
        others = [self._log_e(arm, other) for other in alive if other != arm]
        limit = math.exp(self._standings.limit)
        return Evidence(
            measure=f"probability of being best by {self._gate.metric.name}",
            estimate=self._arms.beliefs(alive)[arm].best,
            e_value=e_value(self._log_e(self._live, arm)),
            limit=limit,
            proof=e_value(min(others)) if others else None,
            proof_limit=limit,
            candidate=self._arms.counts(arm),
            live=self._arms.counts(self._live),
        )

    def _beaten_by(self, arm: str, others: Sequence[str]) -> str:
        """An arm that is proven better; empty: there is none, or proofs are not what this race is about."""
        if self._gate.stop is not Stop.EVIDENCE:
            return ""
        better = (each for each in others if each != arm and self._standings.beats(self._place(each), self._place(arm)))
        return next(better, "")

    def _shares(self, alive: Sequence[str], salt: str) -> tuple[float, ...]:
        gate = self._gate
        posteriors = self._arms.posteriors(alive)
        match gate.policy:
            case Policy.PROBABILITY_MATCHING:
                exponent = sharpening(self._arms.spent, gate.horizon) if gate.horizon else 1.0
                return probability_matching(posteriors, exponent)
            case Policy.THOMPSON:
                return thompson(posteriors, np.random.default_rng(crc32(salt.encode())), DRAWS)
            case Policy.KL_UCB:
                return kl_ucb(self._arms.recent(alive), gate.horizon)
            case Policy.EPSILON_GREEDY:
                return epsilon_greedy([posterior.mean for posterior in posteriors], gate.epsilon)

    def _alive(self, dead: Collection[str]) -> list[str]:
        return [arm for arm in self._arms.names if arm not in dead]

    def _place(self, arm: str) -> int:
        return self._arms.names.index(arm)

    def _log_e(self, one: str, other: str) -> float:
        return self._standings.log_e(self._place(one), self._place(other))

    @property
    def _standings(self) -> Standings:
        return self._rates if self._arms.is_rate else self._means

    def _due(self, alive: Sequence[str], now: float) -> bool:
        waited = self._fresh >= self._gate.batch and now - self._changed_at >= self._gate.every
        return waited and self._warm(alive) and len(alive) > 1

    def _warm(self, alive: Sequence[str]) -> bool:
        return all(self._arms.units(arm) >= self._gate.burn_in for arm in alive)

    def _moved(self, step: Step, at: float) -> None:
        self._weights = dict(step.routing.weights)
        self._changed_at = at
        self._fresh = 0


def _as_they_are(alive: Sequence[str], weights: Mapping[str, int]) -> tuple[float, ...]:
    total = sum(weights.get(arm, 0) for arm in alive)
    return tuple(weights.get(arm, 0) / total if total else 1 / len(alive) for arm in alive)
