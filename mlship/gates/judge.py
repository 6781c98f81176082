"""What the panel asks of every gate that keeps evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, assert_never

from mlship.gates.strata import Stratum
from mlship.metrics.counters import Tally
from mlship.plan.answergates import PROVEN, Drift, Floor, Quality
from mlship.plan.model import Alpha, Comparison, Gate, Manual, Outside, Threshold
from mlship.plan.outcome import Goal, Race
from mlship.plan.step import Step
from mlship.plan.verdict import Evidence, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How often the gates may err over a whole rollout, and between how many of them that is shared."""

    rollback: float
    promote: float
    judges: int

    @property
    def alone(self) -> float:
        """The error probability at which one gate rolls back by itself."""
        return self.rollback / self.judges


def budget_of(gates: Iterable[Gate], alpha: Alpha, *, challengers: int = 1) -> Budget:
    """What each of several challengers may err, and how many of the gates share it."""
    return Budget(
        rollback=alpha.rollback / challengers,
        promote=alpha.promote / challengers,
        judges=max(1, sum(keeps_evidence(gate) for gate in gates)),
    )


def keeps_evidence(gate: Gate) -> bool:
    """It draws on the budget for rollbacks: not manual, and no mere limit to an estimate."""
    match gate:
        case Comparison() | Threshold() | Quality() | Goal():
            return True
        case Floor(metric=metric):
            return metric in PROVEN
        case Manual() | Drift() | Race() | Outside():
            return False
        case _:
            assert_never(gate)


class Judge(Protocol):
    """One gate's evidence over the whole rollout, and its verdict in the step at work."""

    def remember(self, live: Tally) -> None:
        """The live model's answers from before the rollout: they set expectations and are evidence of nothing."""
        ...

    def begin(self) -> None:
        """A step starts: what is counted per step starts anew, the evidence goes on."""
        ...

    def absorb(self, stratum: Stratum) -> None:
        """The numbers of one look, or of several pooled."""
        ...

    def speaks(self, share: float) -> bool:
        """There is something to judge while the candidate has this share of the traffic."""
        ...

    @property
    def e_value(self) -> float:
        """Evidence against the candidate; at most 1 on average at any look while it is harmless."""
        ...

    @property
    def evidence(self) -> Evidence | None:
        """The numbers behind the next verdict."""
        ...

    def verdict(self, step: Step) -> Verdict:
        """Pass or wait: what the numbers say as long as there is no case for a rollback."""
        ...

    def accusation(self) -> Verdict:
        """Fail: the panel has found that this gate's evidence makes the case for a rollback."""
        ...
