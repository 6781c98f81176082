from mlship.metrics.answers import Cell, Pairs, Scores
from mlship.metrics.counters import LATENCY_EDGES, Tally
from mlship.metrics.look import Look
from mlship.views.answered import Answered, measure
from mlship.views.figures import figures, latency, observed_share


def test_latencies_are_told_in_the_bucket_that_holds_them() -> None:
    """Half of ten answers between 10 and 15 ms are told as a time between 10 and 15 ms, none as no time."""
    counts = tuple(10 if edge == 0.015 else 0 for edge in LATENCY_EDGES)
    found = latency(Tally(requests=10, latency=(*counts, 0)), 0.5)
    assert found is not None
    assert 0.01 < found < 0.015
    assert latency(Tally(), 0.5) is None


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


def test_answers_add_up_over_looks() -> None:
    """Agreement, coverage, accuracy of both and the gain follow from the sums, whatever a look brings."""
    cells = (Cell(truth="1", live="1", challenger="1", count=6), Cell(truth="1", live="0", challenger="1", count=2))
    first = Answered().after(Pairs(pairs=20, agreed=18, labelled=8, right=(0, 2), cells=cells, unpaired=1))
    both = first.after(Pairs(labelled=2, right=(1, 0), cells=(Cell(truth="1", live="1", challenger="0", count=2),)))
    assert (both.agreement, both.coverage, both.unpaired) == (0.9, 0.5, 1)
    assert both.measured("accuracy") == (0.8, 0.8)
    assert first.gain("accuracy") == 0.25
    assert measure({"v2": both}) == "accuracy"


def test_a_gain_is_known_where_accuracies_are_not() -> None:
    """Too many different predictions to count, or scores instead of classes: what is known is told."""
    assert Answered().gain("accuracy") is None
    assert Answered().after(Pairs(labelled=10, right=(1, 3))).gain("accuracy") == 0.2
    scored = Answered().after(Pairs(scores={"absolute_error": Scores(count=4, live=8.0, challenger=6.0)}))
    assert measure({"v2": scored}) == "absolute_error"
    assert scored.measured("absolute_error") == (2.0, 1.5)
    assert (scored.gain("absolute_error"), scored.gain("log_loss")) == (-0.5, None)
    assert measure({}) == "accuracy"
