"""Outcomes of users and requests: each unit is counted in one cohort, with what came of it in time."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlship.metrics.rewards import Reward
from mlship.predictions.cohort import LATE, SEARCH, SETTLE

from .trial import MEAN, WITHIN, Trial


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)


def test_users_are_counted_once(trial: Trial) -> None:
    """A user with several requests and outcomes is one unit that is worth 1; one without outcomes is worth 0."""
    for n, user in enumerate("aab"):
        trial.ask(f"r{n}", 1001.0 + n, user=user)
        trial.report(f"r{n}", n < 2, 1005.0)
    trial.ask("r3", 1004.0, user="c", arm="v2")
    found = trial.whole(upto=1010.0)

    assert found.arms == {"v1": Reward(units=2, sum=1, square=1, reported=2), "v2": Reward(units=1)}
    assert (found.start, found.end, found.pending) == (1000.0, 1010.0, {"v1": 0, "v2": 0})
    assert trial.look(now=2000.0).arms == {"v1": Reward(), "v2": Reward()}


def test_a_mean_sums_what_is_reported(tmp_path: Path) -> None:
    """Of a mean, a unit's outcome is the sum of its numbers, below zero too."""
    trial = Trial(tmp_path, MEAN)
    for request, user, values in (("r0", "a", [10, -2.5]), ("r1", "a", [-20]), ("r2", "b", [0.5]), ("r3", "c", [])):
        trial.ask(request, 1001.0, user=user)
        for value in values:
            trial.report(request, value, 1002.0)

    assert trial.whole(upto=1001.0).arms["v1"] == Reward(units=3, sum=-12, square=156.5, reported=2)


@pytest.mark.parametrize(
    ("value", "worth"),
    [
        (True, 1), (False, 0), ("true", 1), (2, 2), (-2, -2), ("1.5", 1.5), (1e-7, 1e-7), (1e99, 1e99),
        ("much", 0), ("", 0), ("1_000", 0), ("inf", 0), (1e101, 0), (10**400, 0), ([1], 0), ({"a": 1}, 0),
    ],
)  # fmt: skip
def test_what_is_a_number(tmp_path: Path, value: object, worth: float) -> None:
    """Numbers and truth values count; anything else is reported, and worth nothing."""
    trial = Trial(tmp_path, MEAN)
    trial.ask("r", 1001.0, user="a")
    trial.report("r", value, 1002.0)

    assert trial.whole(upto=1001.0).arms["v1"] == Reward(units=1, sum=worth, square=worth**2, reported=1)


def test_what_comes_too_late_does_not_count(trial: Trial) -> None:
    """An outcome counts up to the end of the unit's time; so do those of requests that begin within it."""
    for user in "abcd":
        trial.ask(user, 1001.0, user=user)
    trial.ask("later", 1001.0 + WITHIN, user="c")
    trial.ask("too-late", 1001.5 + WITHIN, user="d")
    trial.report("a", 1, 1001.0 + WITHIN)
    trial.report("b", 1, 1001.5 + WITHIN)
    trial.report("later", 1, 1001.0 + WITHIN)
    trial.report("too-late", 1, 1001.0)

    assert trial.whole(upto=1001.0).arms["v1"] == Reward(units=4, sum=2, square=2, reported=2)


def test_an_outcome_may_be_read_before_its_answer(trial: Trial) -> None:
    """Whichever line comes first, and however many looks lie between: they meet."""
    trial.report("r", 1, 1002.0)
    trial.look(now=1003.0)
    trial.ask("r", 1001.0, user="a")

    assert trial.whole(upto=1001.0).arms["v1"].sum == 1


def test_a_request_counts_once(tmp_path: Path) -> None:
    """The first request of an id is the one that counts, in the same file and in a later one."""
    trial = Trial(tmp_path, sticky=False)
    trial.ask("r", 1001.0)
    trial.ask("r", 1002.0, arm="v2")
    trial.look(now=1003.0)
    trial.ask("r", 1003.0, arm="v2")
    trial.report("r", 1, 1004.0)

    assert trial.whole(upto=1010.0).arms == {"v1": Reward(units=1, sum=1, square=1, reported=1), "v2": Reward()}


def test_a_user_of_two_arms_is_a_unit_of_each(trial: Trial) -> None:
    """What came of a request belongs to the arm that answered it."""
    trial.ask("r1", 1001.0, user="a")
    trial.ask("r2", 1002.0, user="a", arm="v2")
    trial.report("r2", 1, 1003.0)

    assert trial.whole(upto=1002.0).arms == {
        "v1": Reward(units=1),
        "v2": Reward(units=1, sum=1, square=1, reported=1),
    }


def test_requests_are_units_where_users_are_not(tmp_path: Path) -> None:
    """Without assignment by user, and of requests that have none, each is a unit of its own."""
    for sticky, user in ((False, "a"), (True, None)):
        trial = Trial(tmp_path / str(sticky), sticky=sticky)
        trial.ask("r1", 1001.0, user=user)
        trial.ask("r2", 1001.0, user=user)
        trial.report("r2", 1, 1003.0)
        assert trial.whole(upto=1001.0).arms["v1"] == Reward(units=2, sum=1, square=1, reported=1)


def test_no_cohort_spans_a_change(trial: Trial) -> None:
    """Units on either side of a change of the routing are told apart, one cohort at a look."""
    for n, at in enumerate((1001.0, 1009.0, 1011.0, 1029.0, 1031.0)):
        trial.ask(f"r{n}", at, user=f"u{n}")
    found = [trial.look(now=1200.0, changes=(1010.0, 1030.0)) for _ in range(3)]

    assert [(each.start, each.end) for each in found] == [(1000, 1010), (1010, 1030), (1030, 1200 - WITHIN - SETTLE)]
    assert [each.arms["v1"].units for each in found] == [2, 2, 1]
    assert [each.pending["v1"] for each in found] == [3, 1, 0]


def test_units_wait_for_their_time(trial: Trial) -> None:
    """Until the time of a unit is over it is pending; a look before that leaves the mark where it is."""
    trial.ask("r1", 1001.0, user="a")
    trial.ask("r2", 1040.0, user="b", arm="v2")
    early = trial.look(now=1050.0)
    assert (early.arms, early.pending, trial.mark) == ({}, {"v1": 1, "v2": 1}, "")
    first = trial.look(now=1001.0 + WITHIN + SETTLE)
    assert (first.arms["v1"].units, first.arms["v2"].units, first.pending) == (1, 0, {"v1": 0, "v2": 1})
    mark = trial.mark
    assert trial.look(now=1001.0 + WITHIN + SETTLE).arms == {}
    assert trial.mark == mark == "1001.0"
    assert trial.whole(upto=1040.0).arms["v2"].units == 1


def test_the_same_mark_tells_of_the_same_units(trial: Trial) -> None:
    """A look that did not get into the record is taken anew, by another process too: nothing is lost or doubled."""
    trial.ask("r1", 1001.0, user="a")
    trial.report("r1", 1, 1002.0)
    lost, _ = trial.peek(now=1100.0)
    trial.ask("r2", 1050.0, user="b")
    trial.reopen()
    again, mark = trial.peek(now=1200.0)
    trial.mark = mark

    assert lost.arms["v1"] == Reward(units=1, sum=1, square=1, reported=1)
    assert again.arms["v1"] == Reward(units=2, sum=1, square=1, reported=1)
    assert trial.look(now=1300.0).arms["v1"] == Reward()


def test_a_user_begins_with_the_earliest_request(trial: Trial) -> None:
    """Lines come when requests end: a slow one may be the first, and its moment counts."""
    trial.ask("fast", 1030.0, user="a")
    trial.report("fast", 1, 1001.0 + WITHIN + 5)
    assert trial.look(now=1040.0).pending["v1"] == 1
    trial.ask("slow", 1001.0, user="a")

    assert trial.whole(upto=1001.0).arms["v1"] == Reward(units=1)
    assert trial.whole(upto=1030.0).arms["v1"] == Reward()


def test_a_line_that_comes_too_late_is_of_the_next_cohort(trial: Trial) -> None:
    """A request that takes longer than its unit's time is counted when its line comes, once, with what came in time."""
    trial.whole(upto=1010.0)
    trial.ask("slow", 1005.0, user="a")
    trial.ask("fast", 1020.0, user="a")
    trial.report("slow", 1, 1005.0 + WITHIN)

    assert trial.whole(upto=1011.0).arms["v1"] == Reward(units=1, sum=1, square=1, reported=1)
    assert trial.whole(upto=1030.0).arms["v1"] == Reward()


def test_what_is_counted_stays_counted(trial: Trial) -> None:
    """A user whose unit is on record is no new one, whatever comes of that user later."""
    trial.ask("r1", 1005.0, user="a")
    trial.whole(upto=1010.0)
    trial.ask("r0", 1001.0, user="a")
    trial.ask("r2", 1090.0, user="a")
    found = trial.whole(upto=1100.0)

    assert (found.arms["v1"], found.pending["v1"]) == (Reward(), 0)


def test_copies_do_not_count_and_failures_do(trial: Trial) -> None:
    """A shadow copy is nobody's answer; a user whose request failed is a user."""
    trial.ask("r1", 1001.0, user="a", arm="v2", role="shadow")
    trial.ask("r2", 1001.0, user="b", arm="v2", status=503, response_bytes=0)
    trial.ask("r3", 1001.0, user="c", arm="v3")
    trial.report("r2", 1, 1003.0)

    assert trial.whole(upto=1001.0).arms == {
        "v1": Reward(),
        "v2": Reward(units=1, sum=1, square=1, reported=1),
    }


def test_each_comparison_begins_anew(trial: Trial) -> None:
    """Requests of before its beginning do not count; its first users may be those of an earlier comparison."""
    trial.ask("r1", 1001.0, user="a")
    trial.ask("r2", 1020.0, user="a")
    trial.ask("r3", 1020.0, user="b")
    assert trial.whole(upto=1005.0).arms["v1"].units == 1
    trial.mark = ""
    found, _ = trial.peek(now=1100.0, since=1020.0)
    assert (found.start, found.arms["v1"].units) == (1020.0, 2)


def test_a_store_that_is_read_anew_tells_nothing_twice(trial: Trial) -> None:
    """Where another comparison was looked at in between, what is on record of this one stays counted."""
    trial.ask("r1", 1005.0, user="a")
    trial.ask("r2", 1050.0, user="b")
    trial.whole(upto=1010.0)
    trial.peek(now=1100.0, since=1001.0)

    assert trial.whole(upto=1060.0).arms["v1"] == Reward(units=1)


def test_outcomes_of_unknown_requests_are_told(trial: Trial) -> None:
    """An outcome whose answer has not come in a while is unknown, and counted once; other names are none of ours."""
    trial.ask("known", 1001.0, user="a")
    trial.look(now=1002.0)
    for request in ("known", "nobody", "nothing", "late"):
        trial.report(request, 1, 1003.0)
        trial.report(request, 1, 1003.0, name="other")
    trial.report("before", 1, 900.0)
    assert trial.look(now=1004.0).unknown == 0
    trial.ask("late", 1001.0, user="b")
    found = [trial.look(now=1004.0 + LATE + SEARCH * n).unknown for n in (1, 2, 3)]

    assert found == [2, 2, 2]
