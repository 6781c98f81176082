"""What the answers of one challenger have come to so far: the sums of the looks, summed."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mlship.metrics.answers import Pairs

_ACCURACY = "accuracy"


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """Pairs so far, and the figures that follow from them; None where there is nothing to tell one from."""

    pairs: int = 0
    agreed: int = 0
    unpaired: int = 0
    labelled: int = 0
    counted: int = 0
    """Labelled pairs whose predictions are known one by one."""
    right: tuple[int, int] = (0, 0)
    """Of those: in which the live model was right, in which the challenger was."""
    alone: tuple[int, int] = (0, 0)
    """Of the labelled pairs: in which only the live model was right, only the challenger."""
    scores: Mapping[str, tuple[int, float, float]] = msgspec.field(default_factory=dict)
    """Name → pairs that have the score, its sums over live and challenger."""

    def after(self, new: Pairs) -> Answered:
        """With the pairs of one look more."""
        live = sum(cell.count for cell in new.cells if cell.live == cell.truth)
        challenger = sum(cell.count for cell in new.cells if cell.challenger == cell.truth)
        return Answered(
            pairs=self.pairs + new.pairs,
            agreed=self.agreed + new.agreed,
            unpaired=self.unpaired + new.unpaired,
            labelled=self.labelled + new.labelled,
            counted=self.counted + sum(cell.count for cell in new.cells),
            right=(self.right[0] + live, self.right[1] + challenger),
            alone=(self.alone[0] + new.right[0], self.alone[1] + new.right[1]),
            scores={**self.scores, **{name: self._scored(name, new) for name in new.scores}},
        )

    def _scored(self, name: str, new: Pairs) -> tuple[int, float, float]:
        count, live, challenger = self.scores.get(name, (0, 0.0, 0.0))
        more = new.scores[name]
        return count + more.count, live + more.live, challenger + more.challenger

    @property
    def agreement(self) -> float | None:
        """The part of the pairs with the same prediction, 0..1."""
        return _ratio(self.agreed, self.pairs)

    @property
    def coverage(self) -> float | None:
        """The part of the pairs whose truth is known, 0..1."""
        return _ratio(self.labelled, self.pairs)

    def measures(self) -> tuple[str, ...]:
        """What can be told of the quality of the answers: accuracy, or else scores."""
        known = tuple(name for name, (count, _, _) in sorted(self.scores.items()) if count)
        return (_ACCURACY, *known) if self.counted else known

    def measured(self, name: str) -> tuple[float, float] | None:
        """Accuracy (0..1) or the mean score: of live, and of the challenger."""
        if name == _ACCURACY:
            return (self.right[0] / self.counted, self.right[1] / self.counted) if self.counted else None
        count, live, challenger = self.scores.get(name, (0, 0.0, 0.0))
        return (live / count, challenger / count) if count else None

    def gain(self, name: str) -> float | None:
        """The challenger's accuracy or mean score less live's; in accuracy also known where the two are not."""
        if name == _ACCURACY:
            return (self.alone[1] - self.alone[0]) / self.labelled if self.labelled else None
        found = self.measured(name)
        return found[1] - found[0] if found else None


def measure(every: Mapping[str, Answered]) -> str:
    """The one that all challengers are told by."""
    names = [name for answered in every.values() for name in answered.measures()]
    return _ACCURACY if _ACCURACY in names or not names else names[0]


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
