"""Gates that hold a challenger's answers to a least agreement, coverage, accuracy, precision, recall or F1."""

from __future__ import annotations

import math
from collections import Counter

from mlship.gates.account import e_value
from mlship.gates.answers import AnswersJudge
from mlship.gates.judge import Budget
from mlship.gates.limit import LimitAccount
from mlship.gates.segments import Account
from mlship.gates.wording import grouped, percent
from mlship.metrics.answers import Pairs
from mlship.plan.answergates import PROVEN, Floor
from mlship.plan.verdict import Evidence, Outcome
from mlship.stats.ceiling import CeilingTest
from mlship.stats.confusion import classes, of_class
from mlship.stats.interval import rate_interval

FEW = 20
"""Cases of a class (predicted, or true) under which its precision, or recall, says nothing."""


def judge_floor(gate: Floor, *, budget: Budget, candidate: str) -> AnswersJudge:
    """By evidence where single pairs are right or wrong, else by an estimate over the stage."""
    lasting = gate.metric in PROVEN

    def make(weight: float) -> Account:
        if lasting:
            return RateAccount(gate, budget=budget, weight=weight)
        return PartAccount(gate) if gate.metric in {"coverage", "paired"} else ClassAccount(gate)

    return AnswersJudge(name=gate.name, segment=gate.segment, make=make, lasting=lasting, candidate=candidate)


class RateAccount:
    """One-sample e-processes both ways: passes when the rate is proven above, accuses when it is proven below."""

    def __init__(self, gate: Floor, *, budget: Budget, weight: float) -> None:
        self._gate = gate
        self._budget = budget
        self._alone = budget.alone * weight
        self._harm = CeilingTest(ceiling=1 - gate.minimum, alpha=self._alone)
        self._proof = CeilingTest(ceiling=gate.minimum, alpha=budget.promote)
        self._good = 0
        self._every = 0
        self._uncounted = 0

    def absorb(self, pairs: Pairs) -> None:
        """The pairs that are new, or whose truth is."""
        good, every = self._count(pairs)
        self._good += good
        self._every += every
        self._harm.absorb(every - good, every)
        self._proof.absorb(good, every)

    @property
    def missing(self) -> str:
        """Pairs."""
        kind = "labelled pairs" if self._gate.metric == "accuracy" else "pairs"
        short = self._every < self._gate.least
        return f"{grouped(self._every)} of {grouped(self._gate.least)} {kind}" if short else ""

    @property
    def e_value(self) -> float:
        """That the rate is below the minimum."""
        return e_value(self._harm.log_e)

    @property
    def evidence(self) -> Evidence:
        """Bad are the pairs that disagree, or in which the candidate is wrong."""
        return Evidence(
            measure=self._gate.metric,
            estimate=self._good / self._every if self._every else None,
            interval=rate_interval(self._good, self._every, self._budget.rollback),
            e_value=self.e_value,
            limit=1 / self._alone,
            proof=e_value(self._proof.log_e),
            proof_limit=1 / self._budget.promote,
            candidate=(self._every - self._good, self._every),
        )

    def found(self) -> tuple[Outcome, str]:
        """Pass once it is proven, else wait."""
        if self._uncounted > self._every:
            return Outcome.BLIND, "too many different predictions to count which were right"
        if self.missing:
            return Outcome.WAIT, self.missing
        proven = self._proof.peak >= math.log(1 / self._budget.promote) - 1e-9
        return (Outcome.PASS if proven else Outcome.WAIT), f"{'' if proven else 'not yet proven: '}{self.told()}"

    def told(self) -> str:
        """As in "agreement 98.2 % of 2 400 pairs, at least 97 %"."""
        rate = self._good / self._every if self._every else 0.0
        counted = f"{self._gate.metric} {percent(rate)} of {grouped(self._every)} pairs"
        return f"{counted}, at least {percent(self._gate.minimum)}"

    def _count(self, pairs: Pairs) -> tuple[int, int]:
        if self._gate.metric == "agreement":
            return pairs.agreed, pairs.pairs
        counted = sum(cell.count for cell in pairs.cells)
        self._uncounted += max(0, pairs.labelled - counted)
        return sum(cell.count for cell in pairs.cells if cell.truth == cell.challenger), counted


class PartAccount(LimitAccount):
    """Coverage: pairs that have their truth. Paired: sampled answers of live that the candidate answered too.

    Truth that has not come yet is nobody's fault: coverage never fails.
    """

    def __init__(self, gate: Floor) -> None:
        super().__init__(fails=gate.metric == "paired")
        self._gate = gate
        self._part = 0
        self._every = 0

    @property
    def missing(self) -> str:
        """Pairs, or sampled answers."""
        short = self._every < self._gate.least
        return f"{grouped(self._every)} of {grouped(self._gate.least)} {self._kind}" if short else ""

    def told(self) -> str:
        """As in "coverage 12 % of 2 400 pairs, at least 50 %"."""
        counted = f"{self._gate.metric} {percent(self._estimate() or 0.0)} of {grouped(self._every)} {self._kind}"
        return f"{counted}, at least {percent(self._gate.minimum)}"

    @property
    def _kind(self) -> str:
        return "pairs" if self._gate.metric == "coverage" else "sampled answers"

    @property
    def _measure(self) -> str:
        return self._gate.metric

    def _take(self, pairs: Pairs) -> bool:
        part, every = (
            (pairs.labelled, pairs.pairs)
            if self._gate.metric == "coverage"
            else (pairs.pairs, pairs.pairs + pairs.unpaired)
        )
        self._part += part
        self._every += every
        return bool(part or every)

    def _estimate(self) -> float | None:
        return self._part / self._every if self._every else None

    def _holds(self) -> bool:
        return (self._estimate() or 0.0) >= self._gate.minimum


class ClassAccount(LimitAccount):
    """Precision, recall and F1 of the candidate, of one class or as the mean over the classes."""

    def __init__(self, gate: Floor) -> None:
        super().__init__()
        self._gate = gate
        self._confusion: Counter[tuple[str, str]] = Counter()
        self._uncounted = 0

    @property
    def missing(self) -> str:
        """Labelled pairs, and where one class is meant, cases of it."""
        every, least = self._confusion.total(), self._gate.least
        if self._uncounted > every:
            return "too many different predictions to tell the classes apart"
        if every < least:
            return f"{grouped(every)} of {grouped(least)} labelled pairs"
        cases = self._cases
        return f"{cases} of {FEW} cases of {self._gate.positive}" if cases is not None and cases < FEW else ""

    def told(self) -> str:
        """As in "f1 0.83 on 2 400 labelled pairs, at least 0.8"."""
        on = f"on {grouped(self._confusion.total())} labelled pairs"
        return f"{self._measure} {self._estimate() or 0.0:.3g} {on}, at least {self._gate.minimum:.3g}"

    @property
    def _measure(self) -> str:
        return f"{self._gate.metric} of {self._gate.positive}" if self._gate.positive else f"mean {self._gate.metric}"

    @property
    def _cases(self) -> int | None:
        if self._gate.positive is None:
            return None
        cases = of_class(self._confusion, self._gate.positive)
        return {"precision": cases.predicted, "recall": cases.true}.get(
            self._gate.metric, max(cases.predicted, cases.true)
        )

    def _take(self, pairs: Pairs) -> bool:
        for cell in pairs.cells:
            self._confusion[cell.truth, cell.challenger] += cell.count
        self._uncounted += max(0, pairs.labelled - sum(cell.count for cell in pairs.cells))
        return bool(pairs.cells)

    def _estimate(self) -> float | None:
        if not self._confusion:
            return None
        positive = self._gate.positive
        meant = classes(self._confusion).values() if positive is None else [of_class(self._confusion, positive)]
        return math.fsum(getattr(each, self._gate.metric) for each in meant) / len(meant)

    def _holds(self) -> bool:
        return (self._estimate() or 0.0) >= self._gate.minimum
