"""Outcomes of users and requests: each unit is counted in one cohort, with what came of it in time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from msgspec.structs import replace

from mlship.clock import ManualClock
from mlship.dataplane.feedback import PATH
from mlship.errors import UsageError
from mlship.metrics.rewards import Asked, Reward, Rewards
from mlship.plan.routing import Capture
from mlship.predictions import database
from mlship.predictions.cohort import LATE, SEARCH, SETTLE
from mlship.predictions.rewards import CapturedRewards
from mlship.predictions.store import Predictions
from tests.support.site import CLOCK, Site, served, split, until

from .made import SETTINGS
from .trial import MEAN, RATE, WITHIN, Trial


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


def test_a_covariate_is_that_of_the_first_request(tmp_path: Path) -> None:
    """Its sums are over all units of the arm, and it is read where nothing of the answer is kept."""
    trial = Trial(tmp_path, MEAN, covariate="headers.age")
    for request, at, user, age in (("r1", 1002.0, "a", "9"), ("r2", 1001.0, "a", "3"), ("r3", 1001.0, "b", "-2")):
        trial.ask(request, at, user=user, headers={"Age": age})
    trial.report("r1", 5, 1003.0)
    trial.report("r3", 7, 1003.0)

    assert trial.whole(upto=1002.0).arms["v1"] == Reward(
        units=2, sum=12, square=74, reported=2, before=1, before_square=13, product=1
    )


def test_a_missing_covariate_is_an_average_one(tmp_path: Path) -> None:
    """A unit without stands at the mean of all units so far, of whichever arm; nothing is known of it then."""
    trial = Trial(tmp_path, MEAN, covariate="request.spent")
    for user, arm, spent in (("a", "v1", 2), ("b", "v2", 4), ("c", "v1", "much"), ("d", "v2", 1e200)):
        trial.ask(user, 1001.0, user=user, arm=arm, request={"spent": spent})
    trial.report("c", 10, 1003.0)
    found = trial.whole(upto=1001.0).arms

    assert found["v1"] == Reward(units=2, sum=10, square=100, reported=1, before=5, before_square=13, product=30)
    assert found["v2"] == Reward(units=2, before=7, before_square=25)


def test_a_covariate_must_be_an_expression(tmp_path: Path) -> None:
    """What is no JMESPath is refused before anything is read."""
    with pytest.raises(UsageError, match="JMESPath"):
        Trial(tmp_path, covariate="[[")


def test_lines_without_a_body_are_not_unreadable(trial: Trial) -> None:
    """Nobody asked for those bodies: they are no fault, and wait for no challenger's answer."""
    trial.ask("r1", 1001.0)
    trial.ask("r2", 1001.0, body={"y": 1})
    trial.whole(upto=1001.0)

    assert trial.kept.counts() == {"answers": 2}
    assert trial.kept.query("SELECT id, why FROM predictions ORDER BY id") == [("r1", "not kept"), ("r2", "")]
    assert trial.kept.query("SELECT id FROM waiting") == [("r2",)]


def test_an_older_store_goes_on(trial: Trial) -> None:
    """A store of the first format is brought up to date where it is, with all that it holds."""
    folder = trial.site.folder / "kept"
    folder.mkdir()
    with duckdb.connect(config={}) as older:
        older.execute(f"ATTACH '{folder / 'predictions.duckdb'}' AS kept; USE kept")
        older.execute(database._FIRST)
        row = "nextval('numbers'), hash('old'), 'old', 1001.0, 'live', 'v1', 200, 'a', 'not kept'"
        older.execute(f'INSERT INTO predictions (seq, key, id, "at", role, model, status, unit, why) VALUES ({row})')
        older.execute("INSERT INTO outcomes VALUES (hash('old'), 'old', 'bought', '1', 1002.0, 1002.0)")
    trial.ask("new", 1001.0, user="b")
    found = trial.whole(upto=1001.0)

    assert found.arms["v1"] == Reward(units=2, sum=1, square=1, reported=1)
    assert trial.kept.query("SELECT value FROM settings WHERE name = 'format'") == [(str(database.FORMAT),)]


def test_units_are_forgotten_when_no_new_ones_come(trial: Trial) -> None:
    """While users come all of them are remembered, beyond the time of answers; later none is."""
    days = SETTINGS.keep
    for n, user in enumerate("aba"):
        trial.ask(f"r{n}", 1001.0 + 0.6 * n * days, user=user)
        units = trial.whole(upto=1001.0 + 0.6 * n * days).arms["v1"].units
        assert units == (user == "b" or not n)
    assert trial.kept.query("SELECT id FROM predictions ORDER BY id") == [("r1",), ("r2",)]
    assert trial.kept.query("SELECT count(*) FROM units") == [(2,)]
    trial.look(now=1001.0 + 2.5 * days)
    assert trial.kept.query("SELECT count(*) FROM units") == [(0,)]


@pytest.mark.envoy
def test_users_of_the_router(site: Site) -> None:
    """Users of two arms, their outcomes and a change of the shares, through the router: every count is exact."""
    driver = site.up(served("v1"), served("v2"))
    shares = replace(split(5000), capture=Capture(limit=0))
    driver.route(shares)
    since = CLOCK.now()
    before = bought(site, range(40), until=20)
    driver.route(replace(split(8000), capture=Capture(limit=0)))
    change = CLOCK.now()
    after = bought(site, range(40), until=10)
    moved = {key: value for key, value in after.items() if key not in before}
    asked = Asked(arms=("v1", "v2"), since=since, changes=(change,))
    # An hour later by the clock of whoever looks: everybody's time is over.
    kept = Predictions(site.state / "predictions", SETTINGS, ManualClock(CLOCK.now() + 3600.0))
    source = CapturedRewards(kept, driver, sticky=True)
    metric = replace(RATE, within=600.0)

    def all_there() -> bool:
        return units(source.rewards(metric, asked, repr(change))[0]) == len(moved)

    until(all_there)
    first, mark = source.rewards(metric, asked, "")
    second, _ = source.rewards(metric, asked, mark)

    assert (first.start, first.end, second.start) == (since, change, change)
    assert first.arms == sums({key: value or after.get(key, False) for key, value in before.items()})
    assert second.arms == sums(moved)
    assert 0 < len(moved) < 40
    assert kept.counts() == {"answers": 80, "outcomes": 30}


def bought(site: Site, users: range, *, until: int) -> dict[tuple[int, str], bool]:
    """Each user asks once, those below `until` buy: user and arm → bought."""
    found = {}
    for user in users:
        answer = site.ask(x_user=f"user-{user}")
        found[user, answer.model] = user < until
        if user < until:
            query = f"{PATH}?name=bought&value=true&request_id={answer.headers['x-request-id']}"
            assert site.ask(query).status == 204
    return found


def units(rewards: Rewards) -> int:
    return sum(arm.units for arm in rewards.arms.values())


def sums(values: dict[tuple[int, str], bool]) -> dict[str, Any]:
    found = {}
    for name in ("v1", "v2"):
        worth = [value for (_, arm), value in values.items() if arm == name]
        found[name] = Reward(units=len(worth), sum=sum(worth), square=sum(worth), reported=sum(worth))
    return found
