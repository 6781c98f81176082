"""From looks to what is comparable."""

from __future__ import annotations

import pytest

from mlship.gates.strata import Strata, Stratum
from tests.gates.made import look, tally


def strata() -> Strata:
    return Strata(live="v1", candidate="v2")


def test_a_busy_look_is_a_stratum() -> None:
    """A look with enough requests stands alone, with both tallies and the share that was asked."""
    stratum = strata().absorb(look(1, tally(5), tally(95), weight=500))
    assert stratum == Stratum(candidate=tally(5), live=tally(95), share=0.05, seconds=5.0)


def test_sparse_looks_are_pooled_by_totals() -> None:
    """Looks that hardly bring one request to the smaller side are pooled until they should have, whoever got them."""
    counted = strata()
    assert counted.absorb(look(1, tally(3), tally(37), weight=100)) is None
    assert counted.absorb(look(2, tally(1), tally(19), weight=100)) is None
    stratum = counted.absorb(look(3, None, tally(40), weight=100))
    assert stratum is not None
    assert (stratum.candidate.requests, stratum.live.requests, stratum.seconds) == (4, 96, 15.0)
    assert sum(stratum.live.latency) == 96


def test_pooling_ends_where_the_weights_change() -> None:
    """Requests under different weights are never pooled."""
    counted = strata()
    counted.absorb(look(1, tally(1), tally(19), weight=100))
    stratum = counted.absorb(look(2, tally(10), tally(90), weight=1000))
    assert stratum is not None
    assert (stratum.candidate.requests, stratum.seconds) == (10, 5.0)


def test_what_is_missing_is_counted() -> None:
    """Looks without numbers, without requests, or without those of one side count in a row, with the reason."""
    counted, troubles = strata(), []
    for number, fresh in enumerate(
        (
            look(1, tallies=None, trouble="the counters started anew"),
            look(2, tallies=None),
            look(3),
            look(4, None, tally(100)),
            look(5, tally(100), None),
        ),
        start=1,
    ):
        counted.absorb(fresh)
        troubles.append(counted.trouble)
        assert counted.missed == number
    assert troubles == [
        "the counters started anew",
        "no numbers",
        "no requests",
        "no requests reach v2",
        "no requests reach v1",
    ]
    assert counted.skipped == 2
    counted.absorb(look(6, tally(50), tally(50)))
    assert counted.missed == 0


def test_no_traffic_is_not_missed_where_none_was_asked() -> None:
    """Looks in which the candidate has no weight bring nothing and are not counted as missing."""
    counted = strata()
    assert counted.absorb(look(1, None, tally(100), weight=0)) is None
    assert counted.missed == 0


def test_the_candidate_alone_is_a_stratum() -> None:
    """At 100 % there is no live traffic, and none is missed."""
    counted = strata()
    stratum = counted.absorb(look(1, tally(100), None, weight=10_000))
    assert stratum is not None
    assert (stratum.share, stratum.live.requests, counted.missed) == (1.0, 0, 0)


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_latency_while_one_side_warms_up(model: str) -> None:
    """Latency of both is left out while either warms up; requests and errors count."""
    stratum = strata().absorb(look(1, tally(50, 3), tally(50), warming=frozenset({model})))
    assert stratum is not None
    assert (sum(stratum.candidate.latency), sum(stratum.live.latency)) == (0, 0)
    assert (stratum.candidate.requests, stratum.candidate.errors) == (50, 3)
