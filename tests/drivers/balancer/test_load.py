"""Balancers under load: what users notice of changes and rollbacks, at the rate at which it was once measured."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from math import sqrt
from typing import Any

import pytest

from mlship.drivers.base import Driver
from mlship.metrics.counters import difference
from mlship.plan.model import Capability
from mlship.plan.routing import all_to
from tests.drivers.balancer.makes import Make
from tests.support.balanced_load import Load
from tests.support.balanced_site import CLOCK, drawn
from tests.support.site import ask, until

pytestmark = pytest.mark.load

RATE = 700.0
"""Requests per second."""
CHANGES = 20
BETWEEN = 0.3
"""Seconds."""
SETTLED = 0.25
"""Seconds that requests under way when the rollback was called may take to be answered."""


@pytest.mark.alone
@pytest.mark.parametrize("fresh", [False, True], ids=["kept", "fresh"])
def test_changes(make: Make[Any], *, fresh: bool) -> None:
    """Twenty, forth and back: hardly any request fails, and none of those that do has reached a server."""
    with make.opened() as site:
        driver = site.up("v1", "v2")
        before = driver.measure()
        began = CLOCK.now()
        with Load(port=site.balancer.port, rate=RATE, fresh=fresh) as load:
            for number in range(CHANGES):
                driver.route(drawn(2500 * (number % 4)) if number % 4 else all_to("v1"))
                CLOCK.sleep(BETWEEN)
        took = CLOCK.now() - began

        answered = sum(load.answered.values())
        assert len(load.failed) <= (make.fresh if fresh else make.kept), load.failed
        assert not any(failure.why.isdecimal() for failure in load.failed), load.failed
        assert load.answered["v2"] > 0.2 * answered
        assert answered > 0.6 * RATE * took
        if Capability.COUNTERS in driver.capabilities:
            must_count(driver, before, answered)


def must_count(driver: Driver, before: Any, answered: int) -> None:
    """The balancer's numbers since `before` are those of the users, each request with its latency."""

    def counted() -> tuple[int, int]:
        grown = (difference(before, driver.measure()) or {}).values()
        return sum(tally.requests for tally in grown), sum(sum(tally.latency) for tally in grown)

    until(lambda: min(counted()) >= answered)
    assert counted() == (answered, answered)


@pytest.mark.parametrize("share", [100, 1000, 5000])
def test_shares(make: Make[Any], share: int) -> None:
    """Within four standard deviations of what was asked for."""
    with make.opened() as site:
        site.up("v1", "v2").route(drawn(share))
        with Load(port=site.balancer.port, rate=RATE) as load:
            CLOCK.sleep(3.0)

    total, part = sum(load.answered.values()), share / 10_000
    assert load.failed == []
    assert abs(load.answered["v2"] - total * part) <= 4 * sqrt(total * part * (1 - part)), load.answered


def test_requests_under_way_are_finished(make: Make[Any]) -> None:
    """Slow answers of the candidate come through a rollback, and a reload."""
    with make.opened() as site, ThreadPoolExecutor(20) as pool:
        driver = site.up("v1", "v2")
        driver.route(drawn(5000))
        slow = [pool.submit(ask, site.balancer.port, x_delay="1.5", body=b"{}") for _ in range(20)]
        CLOCK.sleep(0.5)
        driver.insist(all_to("v1"))
        if make.reload is not None:
            make.reload(site.balancer)
        answers = [future.result() for future in slow]

        assert {answer.status for answer in answers} == {200}
        assert {answer.told["model"] for answer in answers} == {"v1", "v2"}
        assert site.ask().told["model"] == "v1"


def test_after_a_rollback_nobody_meets_the_candidate(make: Make[Any]) -> None:
    """Once it has returned no request is given to the candidate any more, right after a step, too."""
    with make.opened() as site:
        driver = site.up("v1", "v2")
        driver.route(drawn(5000))
        with Load(port=site.balancer.port, rate=RATE) as load:
            CLOCK.sleep(0.5)
            driver.route(drawn(6000))
            driver.insist(all_to("v1"))
            returned = CLOCK.now()
            CLOCK.sleep(1.0)

    assert len(load.failed) <= 2 * make.once, load.failed
    assert load.last["v2"] < returned + SETTLED < load.last["v1"]
