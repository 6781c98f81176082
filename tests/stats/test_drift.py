"""Distances between distributions, from counts in the same bins."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mlship.stats.drift import kolmogorov_smirnov, population_stability


def test_the_same_shares_are_not_apart() -> None:
    """Shares count, not sizes; without values on one side there is no distance."""
    assert population_stability((10, 30, 60), (10, 30, 60)) == 0
    assert kolmogorov_smirnov((1, 3, 6), (100, 300, 600)) == pytest.approx(0)
    assert population_stability((0, 0), (1, 2)) is None
    assert kolmogorov_smirnov((1, 2), (0, 0)) is None


def test_stability_by_hand() -> None:
    """PSI of 40:60 against 60:40 is 0.2 * 2 * ln 1.5, but for the half counts."""
    assert population_stability((40_000, 60_000), (60_000, 40_000)) == pytest.approx(0.4 * math.log(1.5), rel=1e-3)


def test_an_empty_bin_is_finite() -> None:
    """Bins that only one side falls into are far apart, not infinitely."""
    apart = population_stability((100, 0), (0, 100))
    assert apart is not None
    assert 5 < apart < 15
    assert kolmogorov_smirnov((100, 0), (0, 100)) == 1


def test_distance_of_samples() -> None:
    """KS over bins is the largest difference of the empirical distribution functions at their edges."""
    rng, edges = np.random.default_rng(61), np.linspace(-2, 2, 9)
    one, other = rng.standard_normal(4000), rng.standard_normal(3000) + 0.3
    counts = [np.histogram(values, [-np.inf, *edges, np.inf])[0].tolist() for values in (one, other)]
    by_hand = max(abs((one < edge).mean() - (other < edge).mean()) for edge in edges)
    assert kolmogorov_smirnov(*counts) == pytest.approx(by_hand)
    assert kolmogorov_smirnov(counts[1], counts[0]) == pytest.approx(by_hand)
