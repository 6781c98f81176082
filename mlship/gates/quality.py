"""Gates that compare how good the answers of candidate and live are, on the same labelled requests."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from mlship.gates.account import e_value
from mlship.gates.answers import AnswersJudge
from mlship.gates.judge import Budget
from mlship.gates.segments import Account
from mlship.gates.wording import grouped, percent, points, signed
from mlship.metrics.answers import Pairs, Scores
from mlship.plan.answergates import Direction, Quality
from mlship.plan.verdict import Evidence, Outcome
from mlship.stats.difference import CALIBRATION, Differences, DifferenceTest, difference_interval
from mlship.stats.paired import Outcomes, gain_interval, gain_test

ACCURACY = "accuracy"
_NOTHING = Scores()


def judge_quality(gate: Quality, *, budget: Budget, candidate: str) -> AnswersJudge:
    """Two e-processes per segment: that the gain is above what is asked, and that it is below.

    What is asked is a gain of `margin` (better-than) or of -`margin` (no-worse-than). Proof that it is above passes,
    at alpha.promote; evidence that it is below accuses, within the budget for rollbacks. A gain in between waits.
    """

    def make(weight: float) -> Account:
        kind = AccuracyAccount if gate.metric == ACCURACY else ScoreAccount
        return kind(gate, budget=budget, weight=weight)

    return AnswersJudge(name=gate.name, segment=gate.segment, make=make, lasting=True, candidate=candidate)


class _PairedAccount(ABC):
    """What accuracy and scores have in common."""

    def __init__(self, gate: Quality, *, budget: Budget, weight: float) -> None:
        self._gate = gate
        self._budget = budget
        self._alone = budget.alone * weight
        self._asked = gate.margin if gate.direction is Direction.BETTER_THAN else -gate.margin
        self._limit = math.log(1 / budget.promote)

    @abstractmethod
    def told(self) -> str:
        """The gain, its interval and what it rests on."""

    @property
    @abstractmethod
    def missing(self) -> str:
        """What it takes before there is a verdict."""

    @property
    @abstractmethod
    def _peak(self) -> float:
        """The highest logarithm of the proof so far."""

    def found(self) -> tuple[Outcome, str]:
        """Pass once it is proven, else wait."""
        if self.missing:
            return Outcome.WAIT, self.missing
        if self._peak >= self._limit - 1e-9:
            return Outcome.PASS, f"proven {self._claim}: {self.told()}"
        return Outcome.WAIT, f"not yet proven {self._claim}: {self.told()}"

    @property
    def _claim(self) -> str:
        gate = self._gate
        margin = percent(gate.margin) if gate.metric == ACCURACY else f"{gate.margin:.3g}"
        if gate.direction is Direction.BETTER_THAN:
            return "better than live" + (f" by {margin}" if gate.margin else "")
        return "no worse than live" + (f" by {margin}" if gate.margin else "")


class AccuracyAccount(_PairedAccount):
    """Pairs on which one alone was right: exact."""

    def __init__(self, gate: Quality, *, budget: Budget, weight: float) -> None:
        super().__init__(gate, budget=budget, weight=weight)
        self._counted = Outcomes()
        self._proof = gain_test(least=self._asked, alpha=budget.promote)
        self._harm = gain_test(least=-self._asked, alpha=self._alone)

    def absorb(self, pairs: Pairs) -> None:
        """The pairs whose truth is new."""
        look = Outcomes(pairs=pairs.labelled, lost=pairs.right[0], won=pairs.right[1])
        self._counted += look
        self._proof.absorb(look)
        self._harm.absorb(look.swapped)

    @property
    def missing(self) -> str:
        """Labelled pairs."""
        counted, least = self._counted.pairs, self._gate.least
        return f"{grouped(counted)} of {grouped(least)} labelled pairs" if counted < least else ""

    @property
    def e_value(self) -> float:
        """That the gain is below what is asked."""
        return e_value(self._harm.log_e)

    @property
    def evidence(self) -> Evidence:
        """Bad, on each side, are the pairs on which it alone was wrong."""
        counted = self._counted
        return Evidence(
            measure="gain in accuracy",
            estimate=counted.gain,
            interval=gain_interval(counted, self._budget.rollback),
            e_value=self.e_value,
            limit=1 / self._alone,
            proof=e_value(self._proof.log_e),
            proof_limit=1 / self._budget.promote,
            candidate=(counted.lost, counted.pairs),
            live=(counted.won, counted.pairs),
        )

    def told(self) -> str:
        """As in "accuracy +2 points [+0.3, +3.7] on 2 400 labelled pairs, alone right 96, live alone 48"."""
        counted = self._counted
        low, high = gain_interval(counted, self._budget.rollback) or (-1.0, 1.0)
        gain = f"accuracy {points(counted.gain or 0.0)} [{signed(low)}, {signed(high)}]"
        on = f"on {grouped(counted.pairs)} labelled pairs"
        return f"{gain} {on}, alone right {grouped(counted.won)}, live alone {grouped(counted.lost)}"

    @property
    def _peak(self) -> float:
        return self._proof.peak


class ScoreAccount(_PairedAccount):
    """Differences of a numeric score: asymptotic."""

    def __init__(self, gate: Quality, *, budget: Budget, weight: float) -> None:
        super().__init__(gate, budget=budget, weight=weight)
        self._sign = 1 if gate.higher_is_better else -1
        self._counted = Differences()
        self._proof = DifferenceTest(least=self._asked)
        self._harm = DifferenceTest(least=-self._asked)

    def absorb(self, pairs: Pairs) -> None:
        """The pairs whose score is new."""
        scores = pairs.scores.get(self._gate.metric, _NOTHING)
        look = Differences(count=scores.count, sum=self._sign * scores.difference, square=scores.square)
        self._counted += look
        self._proof.absorb(look)
        self._harm.absorb(look.negated)

    @property
    def missing(self) -> str:
        """Pairs with a score on both sides, enough for the normal limit."""
        counted, least = self._counted.count, max(self._gate.least, CALIBRATION)
        return f"{grouped(counted)} of {grouped(least)} pairs with {self._name}" if counted < least else ""

    @property
    def e_value(self) -> float:
        """That the gain is below what is asked."""
        return e_value(self._harm.log_e)

    @property
    def evidence(self) -> Evidence:
        """Of the mean difference, turned so that higher is better."""
        return Evidence(
            measure=f"gain in {self._name} (asymptotic)",
            estimate=self._counted.mean,
            interval=difference_interval(self._counted, self._budget.rollback),
            e_value=self.e_value,
            limit=1 / self._alone,
            proof=e_value(self._proof.log_e),
            proof_limit=1 / self._budget.promote,
        )

    def told(self) -> str:
        """As in "absolute error -0.12 [-0.2, -0.04] on 2 400 pairs"; here lower is lower."""
        low, high = difference_interval(self._counted, self._budget.rollback) or (-math.inf, math.inf)
        ends = sorted((self._sign * low, self._sign * high))
        gain = f"{self._name} {self._sign * (self._counted.mean or 0.0):+.3g} [{ends[0]:+.2g}, {ends[1]:+.2g}]"
        return f"{gain} on {grouped(self._counted.count)} pairs"

    @property
    def _name(self) -> str:
        return self._gate.metric.replace("_", " ")

    @property
    def _peak(self) -> float:
        return self._proof.peak
