"""Precision, recall and F1 are scikit-learn's."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mlship.stats.confusion import classes, of_class
from tests.engines import need


@pytest.mark.parametrize("names", [("0", "1"), ("a", "b", "c", "d")])
@pytest.mark.parametrize("seed", range(5))
def test_as_scikit_learn(names: tuple[str, ...], seed: int) -> None:
    """Class by class, one that is never predicted and one that is never true included."""
    need("sklearn")
    from sklearn.metrics import precision_recall_fscore_support

    rng = np.random.default_rng(seed)
    truth, predicted = rng.choice(names[1:], 300).tolist(), rng.choice(names[:-1], 300).tolist()
    found = classes(Counter(zip(truth, predicted, strict=True)))
    wanted = precision_recall_fscore_support(truth, predicted, labels=sorted(found), zero_division=0)
    for place, each in enumerate(found.values()):
        assert [each.precision, each.recall, each.f1] == pytest.approx([float(part[place]) for part in wanted[:3]])
        assert each.true == wanted[3][place]


def test_a_class_that_nobody_has_seen() -> None:
    """Nothing predicted, nothing true: 0, not an error."""
    each = of_class({("a", "a"): 3}, "b")
    assert (each.precision, each.recall, each.f1) == (0, 0, 0)
