"""Requests, errors and latencies out of Caddy's access log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlship.drivers.base import Driver
from mlship.errors import OutOfReach
from mlship.metrics.counters import Counters, difference
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.caddy_site import CaddySite, caddy_site
from tests.support.rights import nobody, open_to
from tests.support.site import until

pytestmark = pytest.mark.caddy

ENOUGH = 200
"""Requests with a large header that are more than a megabyte of log."""


@pytest.fixture
def rolled() -> Iterator[CaddySite]:
    """A Caddy that begins a new log after each megabyte, the least that it can."""
    with caddy_site() as site:
        site.serve("v1")
        site.balance(more={"roll_size_mb": 1})
        yield site


def roll(site: CaddySite) -> Path:
    """So many requests that the log is put aside; where it is then."""
    for _ in range(ENOUGH):
        assert site.ask(x_large="x" * 7000).status == 200
    until(lambda: len(list(site.balancer.folder.glob("access-*.log"))) == 1)
    return next(site.balancer.folder.glob("access-*.log"))


def counted(driver: Driver, before: Counters, requests: int) -> Counters:
    """A reading that has all of so many requests: a line is written a moment after the user has the answer."""

    def all_there() -> bool:
        grown = difference(before, driver.measure())
        return grown is not None and sum(tally.requests for tally in grown.values()) >= requests

    until(all_there)
    return driver.measure()


def test_counters_are_exact(site: CaddySite) -> None:
    """Every answer is counted once, 500 as an error, each with its latency; a change of the split ends no count."""
    site.stop("v2")
    site.serve("v2", ERRORS="0.3")
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    before = driver.measure()
    statuses = [site.ask() for _ in range(150)]
    driver.route(drawn(2500))
    statuses += [site.ask() for _ in range(150)]

    grown = difference(before, counted(driver, before, 300))

    assert grown
    for model in ("v1", "v2"):
        mine = [answer.status for answer in statuses if answer.model == model]
        assert (grown[model].requests, grown[model].errors) == (len(mine), sum(status >= 500 for status in mine))
        assert sum(grown[model].latency) == len(mine)


def test_a_server_that_is_gone_is_an_error_of_its_model(site: CaddySite) -> None:
    """Caddy's own 502 for it counts: users cannot tell the two apart."""
    block = site.balancer.block
    proxy = block["routes"][0]["handle"][-1]
    del proxy["load_balancing"]["retries"], proxy["health_checks"]
    site.balancer.patch("", block)
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    before = driver.measure()
    site.stop("v2")
    assert sorted(site.ask().status for _ in range(10)) == [200] * 5 + [502] * 5

    grown = difference(before, counted(driver, before, 10))

    assert grown
    assert (grown["v2"].requests, grown["v2"].errors, grown["v1"].errors) == (5, 5, 0)


def test_what_was_there_before_is_not_counted(site: CaddySite) -> None:
    """A log may be of last month: counting begins at its end."""
    driver = site.up("v1")
    site.shares(50)
    until(lambda: site.balancer.log.read_text().count("handled request") == 50)

    assert driver.measure().models["v1"].requests == 0


def test_a_log_that_was_put_aside(rolled: CaddySite) -> None:
    """Lines that Caddy wrote before it began a new file are counted, too."""
    driver = rolled.up("v1")
    before = driver.measure()
    roll(rolled)

    grown = difference(before, counted(driver, before, ENOUGH))

    assert grown
    assert grown["v1"].requests == ENOUGH


def test_lines_that_are_lost_are_no_traffic_at_all(rolled: CaddySite) -> None:
    """A file that was put aside is gone, too: what was in it nobody knows, and no difference is made up."""
    driver = rolled.up("v1")
    before = driver.measure()
    roll(rolled).unlink()
    assert difference(before, driver.measure()) is None

    after = driver.measure()
    rolled.shares(10)
    grown = difference(after, counted(driver, after, 10))
    assert grown
    assert grown["v1"].requests == 10


def test_looking_writes_nothing(site: CaddySite) -> None:
    """Who only looks sees what has come since, and leaves the sums as they were."""
    driver = site.up("v1")
    before = driver.measure()
    folder = site.folder / "state" / "balancer" / "scorer"
    kept = {file: file.read_bytes() for file in folder.iterdir()}
    site.shares(10)

    looked = difference(before, counted(site.open(None), before, 10))

    assert looked
    assert looked["v1"].requests == 10
    assert {file: file.read_bytes() for file in folder.iterdir()} == kept


def test_latency_is_the_servers(site: CaddySite) -> None:
    """A slow model is seen to be slow."""
    driver = site.up("v1")
    before = driver.measure()
    for _ in range(5):
        site.ask(x_delay="0.06")

    grown = difference(before, counted(driver, before, 5))

    assert grown
    assert sum(grown["v1"].latency[11:]) == 5  # above 50 ms


def test_a_log_that_is_not_there(site: CaddySite) -> None:
    """It is told by its path, and no number is made up."""
    site.settings = {"nodes": [{"admin": site.balancer.admin, "log": "/nowhere/access.log"}]}
    driver = site.open()
    driver.ensure("v1", 1)
    driver.route(all_to("v1"))

    with pytest.raises(OutOfReach, match=r"/nowhere/access.log cannot be read"):
        driver.measure()


def test_a_log_of_another_user() -> None:
    """`doctor` tells before a step does; a split can be set without it, and no number is made up."""
    with caddy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance(mode="|0666", more={"mode": "0600"})
        driver = site.up("v1", "v2")
        site.shares(10)
        open_to(site.folder)
        site.balancer.log.chmod(0o600)
        with nobody():
            found = [(each.mark, each.message, each.hint) for each in driver.troubles(fence=1, held=False)]
            with pytest.raises(OutOfReach, match=r"access.log cannot be read: Permission denied") as told:
                driver.measure()
            driver.route(drawn(1000))

        hint = 'let mlship\'s user read it: `"mode": "0640"` for its writer, and its group'
        assert found == [("FAIL", f"{site.balancer.log} cannot be read by this user", hint)]
        assert "may mlship's user read it?" in told.value.hint
        assert site.balancer.weights == {"v1": 9, "v2": 1}
