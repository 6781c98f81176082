"""What users' outcomes have come to in one step, arm by arm: what the fold of the journal forgets of its looks."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from mlship.metrics.look import Look
from mlship.metrics.rewards import Reward, Rewards
from mlship.plan.verdict import Evidence, Outcome, Verdict

KEPT = 64
"""Points of the history of the weights: twice the columns it is drawn in, at the most."""


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """The units of one arm and their outcomes."""

    units: int = 0
    sum: float = 0.0
    square: float = 0.0

    def and_then(self, more: Reward) -> Earned:
        """With those of another cohort."""
        return Earned(units=self.units + more.units, sum=self.sum + more.sum, square=self.square + more.square)

    @property
    def mean(self) -> float | None:
        """Of a unit; of a rate, the part that had the outcome."""
        return self.sum / self.units if self.units else None

    @property
    def error(self) -> float | None:
        """Standard error of the mean."""
        if self.units < 2:
            return None
        deviations = max(0.0, self.square - self.sum * self.sum / self.units)
        return math.sqrt(deviations / (self.units - 1) / self.units)


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """The weights from the beginning of the step to now, in at most `KEPT` points at equal distances."""

    points: tuple[Mapping[str, int], ...] = ()
    every: int = 1
    """Looks from point to point."""
    looks: int = 0

    def and_then(self, weights: Mapping[str, int]) -> Course:
        """One look more; where the points become too many, every other one goes."""
        due = self.looks % self.every == 0
        points = (*self.points, weights) if due else self.points
        later = replace(self, points=points, looks=self.looks + 1)
        return replace(later, points=points[::2], every=2 * self.every) if len(points) > KEPT else later

    def of(self, arm: str, columns: int) -> list[float]:
        """Shares of the arm, basis points, in at most so many columns, the newest last."""
        number = min(columns, len(self.points))
        places = [round((each + 1) * len(self.points) / number) - 1 for each in range(number)]
        return [float(self.points[place].get(arm, 0)) for place in places]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One step in which outcomes decide."""

    arms: Mapping[str, Earned] = msgspec.field(default_factory=dict)
    pending: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Units that have begun and are too young to be counted."""
    unknown: int = 0
    """Outcomes whose request nobody knows."""
    course: Course = Course()
    verdicts: tuple[Verdict, ...] = ()
    """What was said last."""
    lost: Mapping[str, Verdict] = msgspec.field(default_factory=dict)
    """Challenger → why it has failed."""
    proofs: Mapping[str, float] = msgspec.field(default_factory=dict)
    """Gate and challenger → the most evidence for it at any look."""

    def after(self, look: Look, verdicts: tuple[Verdict, ...]) -> Trial:
        """With one look more."""
        heard = self._counted(look.rewards) if look.rewards else self
        failed = (verdict for verdict in verdicts if verdict.outcome is Outcome.FAIL)
        proofs = ((verdict.name, verdict.evidence.proof) for verdict in verdicts if verdict.evidence)
        return replace(
            heard,
            course=self.course.and_then(look.weights),
            verdicts=verdicts,
            lost={**{verdict.challenger: verdict for verdict in failed}, **self.lost},
            proofs={**self.proofs, **{name: max(proof, self.proofs.get(name, 0.0)) for name, proof in proofs if proof}},
        )

    def _counted(self, new: Rewards) -> Trial:
        arms = {arm: self.arms.get(arm, Earned()).and_then(reward) for arm, reward in new.arms.items()}
        return replace(self, arms={**self.arms, **arms}, pending=new.pending, unknown=new.unknown)

    def verdict(self, gate: str, challenger: str) -> Verdict | None:
        """What the gate said last of the challenger, or of the only one there is."""
        said = (v for v in self.verdicts if v.gate == gate and v.challenger in {"", challenger})
        return next(said, None)

    def p_value(self, verdict: Verdict) -> float | None:
        """Valid at every look: 1 over the most evidence so far. None where no evidence is kept."""
        most = self.proofs.get(verdict.name)
        return min(1.0, 1 / most) if most else None


def sealed(evidence: Evidence | None) -> bool:
    """A sample of a fixed size that is not complete: nobody is told what it says."""
    return evidence is not None and evidence.measure.startswith("units of ")
