"""Readings and their differences."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlship.errors import OutOfReach, UsageError
from mlship.metrics.base import Parts, Totals, difference, number

OUTCOMES = st.lists(st.floats(-1e6, 1e6), max_size=50)


def reading(outcomes: list[float]) -> Totals:
    return Totals(count=len(outcomes), sum=sum(outcomes), square=sum(x * x for x in outcomes))


@given(OUTCOMES, OUTCOMES)
def test_a_difference_is_what_came_in_between(before: list[float], new: list[float]) -> None:
    """Whatever the outcomes are, negative ones too, the difference holds those of the interval."""
    found = difference(reading(before), reading(before + new))

    assert found is not None
    assert found.count == len(new)
    assert found.sum == pytest.approx(sum(new), abs=1e-3)
    assert found.square == pytest.approx(sum(x * x for x in new), rel=1e-6, abs=1e-2)


@pytest.mark.parametrize(
    "after",
    [Totals(count=9, sum=5, square=5), Totals(count=11, sum=4, square=4), Totals(), Totals(count=50, sum=1, square=1)],
)
def test_a_fall_is_a_reset(after: Totals) -> None:
    """A counter that fell started anew: what happened since cannot be known, and is not negative."""
    assert difference(Totals(count=10, sum=5, square=5), after) is None


def test_refunds_are_no_reset() -> None:
    """Outcomes can be negative: a sum that falls while count and squares grow is a fact."""
    before, after = Totals(count=3, sum=30, square=300), Totals(count=4, sum=20, square=400)

    assert difference(before, after) == Totals(count=1, sum=-10, square=100)


def test_another_order_of_addition_is_no_reset() -> None:
    """A database adds floats up in any order; a sum that is lower by a rounding error has not fallen."""
    before = Totals(count=10, sum=0.3, square=0.1 + 0.2 + 0.3)
    after = Totals(count=10, sum=0.3, square=0.3 + 0.2 + 0.1)

    assert after.square != before.square
    assert difference(before, after) == Totals()
    assert difference(after, before) is not None


@pytest.mark.parametrize(("before", "after"), [(None, Totals()), (Totals(), None), (None, None)])
def test_no_data_has_no_difference(before: Totals | None, after: Totals | None) -> None:
    """No data is not zero, before and after."""
    assert difference(before, after) is None


def test_a_conversion_may_come_after_its_user() -> None:
    """Users of one interval convert in the next: that is no fault of the reading."""
    before, after = Totals(count=10, sum=0, square=0), Totals(count=10, sum=2, square=2)

    assert difference(before, after) == Totals(count=0, sum=2, square=2)


@pytest.mark.parametrize("found", [3, 3.0, Decimal(3), Fraction(3)])
def test_numbers_of_any_kind_are_numbers(found: object) -> None:
    """Databases and JSON have several kinds of numbers."""
    assert number(found, what="x") == 3.0


@pytest.mark.parametrize("found", [None, float("nan"), float("inf"), -float("inf"), Decimal("NaN"), 10**400])
def test_what_is_no_finite_number_is_no_data(found: object) -> None:
    """NULL, NaN and infinity say nothing, and never zero."""
    assert number(found, what="x") is None


@pytest.mark.parametrize(
    ("found", "said"),
    [("3", "a text"), (True, "true"), ([3], "a list"), ({"a": 3}, "an object"), (b"3", "of the type bytes")],
)
def test_what_is_no_number_is_refused(found: object, said: str) -> None:
    """A text or a truth is not guessed at: the plan says where the number is."""
    with pytest.raises(UsageError, match=f"count is no number but {said}"):
        number(found, what="count")


def test_zero_units_are_data() -> None:
    """Nobody came: that is known. SUM over no rows is NULL in SQL."""
    assert Parts(count=0, sum=None).totals(source="db") == Totals()
    assert Parts(count=0, sum=None, square=None, squared=True).totals(source="db") == Totals()


@pytest.mark.parametrize(
    "parts",
    [
        Parts(count=None, sum=1.0),
        Parts(count=5, sum=None),
        Parts(count=5, sum=1.0, square=None, squared=True),
        Parts(count=None, sum=None),
    ],
)
def test_a_missing_part_is_no_data(parts: Parts) -> None:
    """A part that is missing is not taken for zero."""
    assert parts.totals(source="db") is None


def test_outcomes_of_zero_and_one_need_no_squares() -> None:
    """0² = 0 and 1² = 1."""
    assert Parts(count=5, sum=2).totals(source="db") == Totals(count=5, sum=2, square=2)


@pytest.mark.parametrize("total", [6.0, -1.0])
def test_revenue_without_squares_is_refused(total: float) -> None:
    """A sum that 0/1 outcomes cannot have is no conversion rate: the squares are missing."""
    with pytest.raises(OutOfReach, match="no such outcomes of 0 or 1") as caught:
        Parts(count=5, sum=total).totals(source="db")

    assert "square" in caught.value.hint


@pytest.mark.parametrize(
    "parts",
    [
        Parts(count=2, sum=10, square=49, squared=True),
        Parts(count=-1, sum=0, square=0, squared=True),
        Parts(count=0, sum=3, square=9, squared=True),
        Parts(count=3, sum=1, square=-1, squared=True),
    ],
)
def test_sums_that_cannot_be_are_refused(parts: Parts) -> None:
    """No outcomes have such sums: (Σx)² is at most n Σx²."""
    with pytest.raises(OutOfReach, match="no such outcomes"):
        parts.totals(source="db")


@given(OUTCOMES)
def test_sums_of_real_outcomes_pass(outcomes: list[float]) -> None:
    """No rounding makes a true reading look impossible."""
    told = reading(outcomes)

    parts = Parts(count=told.count, sum=told.sum, square=told.square, squared=True)
    assert parts.totals(source="db") == told


def test_a_rate_is_no_counter() -> None:
    """A count with a fraction comes of rate() or increase(): it is refused with the way out."""
    with pytest.raises(UsageError, match=r"count is 2\.5") as caught:
        Parts(count=2.5, sum=1).totals(source="prom")

    assert "increase()" in caught.value.hint
