"""From the sums of looks to figures that people know: accuracy, F1, RMSE, PSI and the like. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec.structs import replace

from mlship.metrics.answers import Cell, Histogram, Pairs, Scores
from mlship.stats.confusion import classes, of_class
from mlship.stats.drift import kolmogorov_smirnov, population_stability

Side = Literal["live", "challenger"]
_OF_CLASSES = ("accuracy", "precision", "recall", "f1")
_ROOTS = {"mae": "absolute_error", "mse": "squared_error", "rmse": "squared_error"}


def measure(metric: str, pairs: Pairs, side: Side = "challenger", *, positive: str | None = None) -> float | None:
    """One figure of one side's answers, over what is known so far; None where it cannot be said.

    Args:
        metric: `agreement`, `coverage` (labelled of all pairs), `paired` (pairs of all sampled live answers);
            `accuracy`, `precision`, `recall`, `f1`; `mae`, `mse`, `rmse`, `log_loss`, or the name of a score, for its
            mean; `psi:NAME` or `ks:NAME` for the drift of a watched value.
        pairs: the sums of the looks, as `total` adds them up.
        side: whose answers.
        positive: the class that precision, recall and F1 are of; None: the plain mean over all classes (macro).

    A class that is never predicted has precision 0, one that never occurs has recall 0, as in scikit-learn's
    `zero_division=0`. scikit-learn computes the figures of classes where it is installed, else the counts do.
    """
    match metric.partition(":"):
        case ("agreement", "", ""):
            return _part(pairs.agreed, pairs.pairs)
        case ("coverage", "", ""):
            return _part(pairs.labelled, pairs.pairs)
        case ("paired", "", ""):
            return _part(pairs.pairs, pairs.pairs + pairs.unpaired)
        case (name, "", "") if name in _OF_CLASSES:
            return _of_classes(name, pairs, side, positive)
        case ("psi" | "ks" as name, ":", watched):
            histogram = pairs.histograms.get(watched)
            distance = population_stability if name == "psi" else kolmogorov_smirnov
            return distance(histogram.live, histogram.challenger) if histogram else None
        case _:
            mean = _mean(pairs.scores.get(_ROOTS.get(metric, metric)), side)
            return math.sqrt(mean) if mean is not None and metric == "rmse" else mean


def total(looks: Iterable[Pairs]) -> Pairs:
    """The sums of several looks. Values that were binned anew begin anew; cells are whole or left out."""
    found = Pairs()
    for pairs in looks:
        found = _plus(found, pairs)
    whole = sum(cell.count for cell in found.cells) == found.labelled
    return found if whole else replace(found, cells=())


def by_counts(metric: str, cells: Sequence[Cell], side: Side, positive: str | None) -> float | None:
    """A figure of classes from counts alone: what `measure` says without scikit-learn."""
    confusion: Counter[tuple[str, str]] = Counter()
    for cell in cells:
        confusion[cell.truth, _said(cell, side)] += cell.count
    if metric == "accuracy":
        return sum(n for (truth, said), n in confusion.items() if truth == said) / confusion.total()
    if positive is not None:
        return float(getattr(of_class(confusion, positive), metric))
    figures = [float(getattr(each, metric)) for each in classes(confusion).values()]
    return math.fsum(figures) / len(figures)


def by_scikit_learn(metric: str, cells: Sequence[Cell], side: Side, positive: str | None) -> float | None:
    """The same by scikit-learn, with the counts as weights.

    Raises:
        ImportError: it is not installed.
    """
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    truth, said = [cell.truth for cell in cells], [_said(cell, side) for cell in cells]
    weight = [cell.count for cell in cells]
    if metric == "accuracy":
        return float(accuracy_score(truth, said, sample_weight=weight))
    labels = None if positive is None else [positive]
    if positive is not None and positive not in {*truth, *said}:
        return 0.0
    figures = precision_recall_fscore_support(
        truth, said, labels=labels, average="macro", sample_weight=weight, zero_division=0
    )
    return float(figures[_OF_CLASSES.index(metric) - 1])


def _of_classes(metric: str, pairs: Pairs, side: Side, positive: str | None) -> float | None:
    if not pairs.cells:
        return None
    try:
        return by_scikit_learn(metric, pairs.cells, side, positive)
    except ImportError:
        return by_counts(metric, pairs.cells, side, positive)


def _said(cell: Cell, side: Side) -> str:
    return cell.live if side == "live" else cell.challenger


def _part(some: int, every: int) -> float | None:
    return some / every if every else None


def _mean(scores: Scores | None, side: Side) -> float | None:
    if scores is None or not scores.count:
        return None
    return (scores.live if side == "live" else scores.challenger) / scores.count


def _plus(one: Pairs, other: Pairs) -> Pairs:
    return Pairs(
        pairs=one.pairs + other.pairs,
        agreed=one.agreed + other.agreed,
        unpaired=one.unpaired + other.unpaired,
        labelled=one.labelled + other.labelled,
        right=(one.right[0] + other.right[0], one.right[1] + other.right[1]),
        cells=_more_cells(one.cells, other.cells),
        scores={
            name: _more_scores(one.scores.get(name, Scores()), other.scores.get(name, Scores()))
            for name in {**one.scores, **other.scores}
        },
        histograms={
            **one.histograms,
            **{name: _more(one.histograms.get(name), n) for name, n in other.histograms.items()},
        },
    )


def _more_cells(one: Sequence[Cell], other: Sequence[Cell]) -> tuple[Cell, ...]:
    counts: dict[tuple[str, str, str], int] = {}
    for cell in (*one, *other):
        key = (cell.truth, cell.live, cell.challenger)
        counts[key] = counts.get(key, 0) + cell.count
    return tuple(Cell(truth=t, live=a, challenger=b, count=n) for (t, a, b), n in sorted(counts.items()))


def _more_scores(one: Scores, other: Scores) -> Scores:
    return Scores(
        count=one.count + other.count,
        live=one.live + other.live,
        challenger=one.challenger + other.challenger,
        difference=one.difference + other.difference,
        square=one.square + other.square,
    )


def _more(one: Histogram | None, other: Histogram) -> Histogram:
    if one is None or one.edges != other.edges:
        return other
    live, challenger = (
        tuple(a + b for a, b in zip(mine, more, strict=True))
        for mine, more in ((one.live, other.live), (one.challenger, other.challenger))
    )
    return Histogram(edges=one.edges, live=live, challenger=challenger)
