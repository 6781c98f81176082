"""The laws that the tests bet against, beside exact arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlship.stats.law import POINTS, binomial, hypergeometric, hypergeometric_mean
from tests.stats import exact


@given(
    marked=st.integers(1, 60), unmarked=st.integers(1, 60), part=st.floats(0, 1), odds=st.sampled_from([0.3, 1, 1.5, 9])
)
@settings(deadline=None)
def test_hypergeometric_is_exact(marked: int, unmarked: int, part: float, odds: float) -> None:
    """Every probability is that of exact arithmetic, with and without an odds ratio."""
    drawn = round(part * (marked + unmarked))
    law = hypergeometric(marked, unmarked, drawn, odds)
    for count, mass in exact.hypergeometric(marked, unmarked, drawn, odds).items():
        if law.first < count < law.first + len(law.mass) - 1:
            assert law.mass[law.place(count)] == pytest.approx(mass, rel=1e-9, abs=1e-15)


@given(trials=st.integers(1, 200), probability=st.floats(0.001, 0.999))
@settings(max_examples=50, deadline=None)
def test_binomial_is_exact(trials: int, probability: float) -> None:
    """Every probability is that of exact arithmetic."""
    law = binomial(trials, probability)
    wanted = exact.binomial(trials, probability)
    if law.width == 1:
        got = [float(mass) for mass in law.mass]
        inside = [wanted[law.first + place] for place in range(len(got))]
        assert got == pytest.approx(inside, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("requests", [10**5, 10**7, 10**9])
def test_huge_looks_stay_small(requests: int) -> None:
    """However many requests and errors a look has, its law has a bounded number of points, around the right mean."""
    law = hypergeometric(requests, 19 * requests, requests // 2)
    centres = law.first + law.width * (np.arange(len(law.mass)) + 0.5)
    assert len(law.mass) <= POINTS
    assert float(law.mass.sum()) == pytest.approx(1.0)
    assert float(law.mass @ centres) == pytest.approx(requests / 40, rel=1e-3)


def test_counts_beyond_the_window_count_as_its_ends() -> None:
    """A count outside the window falls on its nearest end, so it is neither lost nor an error."""
    law = hypergeometric(10**6, 10**6, 10**5)
    assert (law.place(0), law.place(10**5)) == (0, len(law.mass) - 1)
    assert law.first > 0


@pytest.mark.parametrize("odds", [0.5, 1.0, 2.0, 8.0])
def test_mean_of_the_noncentral_law(odds: float) -> None:
    """The mean in closed form is within a hundredth of the standard deviation of the exact one."""
    law = exact.hypergeometric(200, 800, 100, odds)
    mean = sum(k * mass for k, mass in law.items())
    deviation = math.sqrt(sum((k - mean) ** 2 * mass for k, mass in law.items()))
    assert hypergeometric_mean(200, 800, 100, odds) == pytest.approx(mean, abs=deviation / 50)
