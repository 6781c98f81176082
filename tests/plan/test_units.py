"""Durations, percentages and rates."""

from __future__ import annotations

import pytest

from mlship.plan import units


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (0, 0.0),
        ("0", 0.0),
        ("0s", 0.0),
        ("250ms", 0.25),
        ("10s", 10.0),
        ("1.5s", 1.5),
        ("10m", 600.0),
        ("1h30m", 5400.0),
        ("14d", 1_209_600.0),
        ("1d2h3m4s5ms", 93_784.005),
    ],
)
def test_durations_are_seconds(text: str | int, expected: float) -> None:
    """Units add up."""
    assert units.seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1%", 100), ("0.5%", 50), ("0.01%", 1), ("33.30%", 3330), ("1.1%", 110), ("100%", 10_000), ("0.001%", None)],
)
def test_weights_are_basis_points(text: str, expected: int | None) -> None:
    """Exactly, without the rounding of binary fractions; what is finer has no value."""
    assert units.basis_points(text) == expected


def test_margins_are_fractions() -> None:
    """A percentage is a part of one."""
    assert units.fraction("0.5%") == pytest.approx(0.005)


@pytest.mark.parametrize("rate", ["200/s", 200, 200.0])
def test_rates_are_per_second(rate: str | float) -> None:
    """With or without the unit."""
    assert units.per_second(rate) == 200.0
