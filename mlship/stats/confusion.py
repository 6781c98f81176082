"""Precision, recall and F1 from counts of (truth, prediction). Pure counting, as scikit-learn defines them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Confusion = Mapping[tuple[str, str], int]
"""(truth, prediction) → how often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Class:
    """How one class fares."""

    hit: int = 0
    """Of that class, and predicted as such."""
    predicted: int = 0
    true: int = 0

    @property
    def precision(self) -> float:
        """Part of what was predicted as the class that is of it; 0 where nothing was."""
        return self.hit / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Part of the class that was found; 0 where there is none."""
        return self.hit / self.true if self.true else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        return 2 * self.hit / (self.predicted + self.true) if self.predicted + self.true else 0.0


def of_class(confusion: Confusion, name: str) -> Class:
    """Counts of one class."""
    return Class(
        hit=confusion.get((name, name), 0),
        predicted=sum(count for (_, predicted), count in confusion.items() if predicted == name),
        true=sum(count for (truth, _), count in confusion.items() if truth == name),
    )


def classes(confusion: Confusion) -> dict[str, Class]:
    """Counts of every class that is a truth or a prediction."""
    names = sorted({name for pair in confusion for name in pair})
    return {name: of_class(confusion, name) for name in names}
