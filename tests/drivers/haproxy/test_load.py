"""HAProxy under load: changes, reloads and rollbacks that no user notices."""

from __future__ import annotations

import pytest

from mlship.plan.routing import all_to
from tests.support.balanced_load import Load
from tests.support.balanced_site import CLOCK
from tests.support.haproxy_site import HaproxySite
from tests.support.site import ask, split

pytestmark = [pytest.mark.haproxy, pytest.mark.load, pytest.mark.alone]

CHANGES = 20
BETWEEN = 0.15
"""Seconds."""
SETTLED = 0.25
"""Seconds that requests under way when the rollback was called may take to be answered."""


def test_changes_fail_no_request(site: HaproxySite) -> None:
    """Twenty changes of the split, forth and back, over connections that stay open."""
    driver = site.up("v1", "v2")
    with Load(port=site.balancer.port) as load:
        for number in range(CHANGES):
            driver.route(split(2500 * (number % 4), salt=str(number)) if number % 4 else all_to("v1"))
            CLOCK.sleep(BETWEEN)

    assert load.failed == []
    assert load.answered["v2"] > 50
    assert sum(load.answered.values()) > 500


def test_an_outage_of_the_candidate_fails_no_request(site: HaproxySite) -> None:
    """Its servers are taken out at half of the traffic: the live model answers."""
    driver = site.up("v1", "v2")
    driver.route(split(5000))
    with Load(port=site.balancer.port) as load:
        site.balancer.api.ask("set server v2/v2-1 state maint")
        CLOCK.sleep(1.0)

    assert load.failed == []
    assert load.answered["v2"] > 0


def test_requests_under_way_are_finished(site: HaproxySite) -> None:
    """Slow answers of the candidate come through a rollback and a reload."""
    from concurrent.futures import ThreadPoolExecutor

    driver = site.up("v1", "v2")
    driver.route(split(5000))
    with ThreadPoolExecutor(20) as pool:
        slow = [
            pool.submit(ask, site.balancer.port, x_delay="1.5", x_user=f"u{number}", body=b"{}") for number in range(20)
        ]
        CLOCK.sleep(0.5)
        driver.insist(all_to("v1"))
        site.balancer.reload()
        answers = [future.result() for future in slow]

    assert {answer.status for answer in answers} == {200}
    assert {answer.model for answer in answers} == {"v1", "v2"}
    assert site.ask().model == "v1"


def test_after_a_rollback_nobody_meets_the_candidate(site: HaproxySite) -> None:
    """Once it has returned no request is given to the candidate any more."""
    driver = site.up("v1", "v2")
    driver.route(split(5000))
    with Load(port=site.balancer.port) as load:
        CLOCK.sleep(0.5)
        driver.insist(all_to("v1"))
        returned = CLOCK.now()
        CLOCK.sleep(1.0)

    assert load.failed == []
    assert load.last["v2"] < returned + SETTLED < load.last["v1"]
