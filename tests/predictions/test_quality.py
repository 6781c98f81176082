"""Figures: what the sums of looks say is what scikit-learn says of the single answers."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mlship.metrics.answers import Cell, Histogram, Pairs
from mlship.predictions.quality import Side, by_counts, by_scikit_learn, measure, total
from tests.engines import need

from .made import SETTINGS, Site, line

SIDES: tuple[Side, Side] = ("live", "challenger")
CLASSES = st.sampled_from(["0", "1", "cat", "ä"])
CELLS = st.lists(
    st.builds(Cell, truth=CLASSES, live=CLASSES, challenger=CLASSES, count=st.integers(1, 1000)), min_size=1
)


@pytest.fixture(autouse=True, scope="module")
def _scikit_learn() -> None:
    """Loaded once, outside of what a deadline measures, and only by who runs these tests."""
    need("sklearn")
    import sklearn.metrics  # noqa: F401


@given(CELLS, st.sampled_from(["accuracy", "precision", "recall", "f1"]), st.sampled_from([None, "1", "cat"]))
def test_counts_say_what_scikit_learn_says(cells: list[Cell], metric: str, positive: str | None) -> None:
    """Figures of classes are the same with and without scikit-learn."""
    for side in SIDES:
        expected = by_scikit_learn(metric, cells, side, positive)
        assert by_counts(metric, cells, side, positive) == pytest.approx(expected, abs=1e-12)


def test_kept_answers_give_what_scikit_learn_gives_on_the_pairs(tmp_path: Path) -> None:
    """Every figure from captured bytes, over many looks, equals scikit-learn's on the same pairs."""
    site = Site(tmp_path, replace(SETTINGS, probability="p"))
    draw = random.Random(3)
    truth, said = [], {"live": [], "challenger": []}  # type: ignore[var-annotated]
    odds = {"live": [], "challenger": []}  # type: ignore[var-annotated]
    looks = []
    for n in range(1200):
        truth.append(draw.randrange(2))
        for side, role, model in (("live", "live", "v1"), ("challenger", "shadow", "v2")):
            odds[side].append(draw.random())
            said[side].append(int(odds[side][-1] > 0.4))
            site.write(line(f"{n}", body={"y": said[side][-1], "p": odds[side][-1]}, role=role, model=model))
        if n % 300 == 299:
            site.label(*((f"{each}", truth[each]) for each in range(n - 299, n + 1)))
            looks.append(site.look().total)
    pairs = total(looks)
    for side in SIDES:
        for name, expected in figures(truth, said[side], odds[side]).items():
            assert measure(name, pairs, side, positive="1") == pytest.approx(expected, abs=1e-12), name
    agreed = sum(a == b for a, b in zip(said["live"], said["challenger"], strict=True)) / 1200
    assert measure("agreement", pairs) == agreed
    assert measure("coverage", pairs) == 1.0


def figures(truth: list[int], said: list[int], odds: list[float]) -> dict[str, Any]:
    from sklearn import metrics

    return {
        "accuracy": metrics.accuracy_score(truth, said),
        "precision": metrics.precision_score(truth, said),
        "recall": metrics.recall_score(truth, said),
        "f1": metrics.f1_score(truth, said),
        "mae": metrics.mean_absolute_error(truth, said),
        "mse": metrics.mean_squared_error(truth, said),
        "rmse": math.sqrt(metrics.mean_squared_error(truth, said)),
        "log_loss": metrics.log_loss(truth, odds),
    }


def test_what_is_not_known_is_none() -> None:
    """Without pairs, labels or values there is no figure."""
    for name in ("agreement", "coverage", "paired", "accuracy", "f1", "rmse", "log_loss", "psi:x", "ks:x", "anything"):
        assert measure(name, Pairs()) is None


def test_drift_is_read_from_the_bins() -> None:
    """PSI and KS compare the two sides of a histogram."""
    same = Pairs(histograms={"x": Histogram(edges=(1.0,), live=(10, 10), challenger=(5, 5))})
    apart = Pairs(histograms={"x": Histogram(edges=(1.0,), live=(10, 0), challenger=(0, 10))})
    assert measure("ks:x", same) == 0.0
    assert measure("ks:x", apart) == 1.0
    assert (measure("psi:x", apart) or 0) > 1 > (measure("psi:x", same) or 0)


def test_cells_that_do_not_cover_all_labels_are_left_out() -> None:
    """Once a look had too many classes, figures of classes are unknown, not wrong."""
    first = Pairs(labelled=1, cells=(Cell(truth="a", live="a", challenger="a", count=1),))
    assert measure("accuracy", total([first, first])) == 1.0
    assert measure("accuracy", total([first, Pairs(labelled=60)])) is None


def test_bins_that_changed_begin_anew() -> None:
    """Counts in other bins are not added up."""
    one = Pairs(histograms={"x": Histogram(edges=(1.0,), live=(1, 2), challenger=(3, 4))})
    other = Pairs(histograms={"x": Histogram(edges=(2.0,), live=(1, 0), challenger=(0, 1))})
    assert total([one, one]).histograms["x"].live == (2, 4)
    assert total([one, other]).histograms["x"] == other.histograms["x"]
