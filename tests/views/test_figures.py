import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlship.metrics.counters import LATENCY_EDGES, Tally
from mlship.metrics.look import Look
from mlship.views.figures import figures, observed_share, quantile

COUNTS = st.lists(st.integers(0, 1000), min_size=27, max_size=27)


def _counts(**at: int) -> tuple[int, ...]:
    return tuple(at.get(f"b{place}", 0) for place in range(len(LATENCY_EDGES) + 1))


def test_a_quantile_lies_in_the_bucket_that_holds_it() -> None:
    """Half of ten answers between 10 and 15 ms are under 12.5 ms."""
    assert quantile(_counts(b7=10), 0.5) == pytest.approx(0.0125)


def test_a_quantile_in_the_open_bucket_is_the_least_it_can_be() -> None:
    """Answers over the last edge are told as that edge, not as a guess."""
    assert quantile(_counts(b26=3), 0.5) == 60.0


def test_no_answers_have_no_quantile() -> None:
    """Nothing is not zero."""
    assert quantile(_counts(), 0.5) is None
    assert quantile((), 0.5) is None


@given(COUNTS)
def test_quantiles_are_ordered_and_inside_the_edges(counts: list[int]) -> None:
    """p50 is never over p95, p95 never over p99, and all lie within the buckets."""
    found = [quantile(counts, portion) for portion in (0.5, 0.95, 0.99)]
    known = [value for value in found if value is not None]
    assert known == sorted(known)
    assert all(0 <= value <= LATENCY_EDGES[-1] for value in known)


def _look(number: int, tallies: dict[str, Tally] | None) -> Look:
    return Look(number=number, start=5.0 * number, end=5.0 * number + 5, weights={}, tallies=tallies)


def test_looks_without_numbers_leave_gaps_and_no_zeros() -> None:
    """An outage of the counters is not an outage of the model."""
    found = figures("v1", [_look(1, {"v1": Tally(requests=50, errors=5)}), _look(2, None)])
    assert (found.per_second, found.errors) == (10.0, 0.1)
    assert found.rate_trend == (10.0, None)
    assert found.error_trend == (0.1, None)


def test_a_model_without_traffic_has_a_rate_of_zero_and_no_error_rate() -> None:
    """Zero of zero is unknown."""
    found = figures("v2", [_look(1, {"v1": Tally(requests=50)})])
    assert (found.per_second, found.errors, found.quantiles) == (0.0, None, (None, None, None))


def test_shares_are_seen_only_where_there_was_traffic() -> None:
    """The observed share is of the requests that were answered."""
    assert observed_share("v2", {"v1": 75, "v2": 25}) == 0.25
    assert observed_share("v2", {}) is None
