"""What is kept for the outcomes of users: lines without bodies, covariates, units; and all of it through the router."""

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
from mlship.predictions.rewards import CapturedRewards
from mlship.predictions.store import Predictions
from tests.support.site import CLOCK, Site, served, split, until

from .made import SETTINGS
from .trial import MEAN, RATE, Trial


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path)


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
