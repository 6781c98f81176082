"""An Envoy that is somebody else's under load: changes and rollbacks that no user notices."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mlship.plan.routing import all_to
from tests.support.balanced_load import Load
from tests.support.balanced_site import CLOCK, drawn
from tests.support.envoy_site import EnvoySite
from tests.support.site import ask

pytestmark = [pytest.mark.envoy, pytest.mark.load, pytest.mark.alone]

CHANGES = 20
BETWEEN = 0.12
"""Seconds."""
SETTLED = 0.25
"""Seconds that requests under way when the rollback was called may take to be answered."""


@pytest.mark.parametrize("fresh", [False, True])
def test_changes_fail_no_request(site: EnvoySite, *, fresh: bool) -> None:
    """Twenty changes of the split, over connections that stay open and over new ones."""
    driver = site.up("v1", "v2")
    with Load(port=site.balancer.port, fresh=fresh) as load:
        for number in range(CHANGES):
            driver.route(drawn(2500 * (number % 4)) if number % 4 else all_to("v1"))
            CLOCK.sleep(BETWEEN)

    assert load.failed == []
    assert load.answered["v2"] > 50
    assert sum(load.answered.values()) > 300


def test_requests_under_way_are_finished(site: EnvoySite) -> None:
    """Slow answers of the candidate come through a rollback."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    with ThreadPoolExecutor(20) as pool:
        slow = [pool.submit(ask, site.balancer.port, x_delay="1.0", body=b"{}") for _ in range(20)]
        CLOCK.sleep(0.4)
        driver.insist(all_to("v1"))
        answers = [future.result() for future in slow]

    assert {answer.status for answer in answers} == {200}
    assert {answer.model for answer in answers} == {"v1", "v2"}
    assert site.ask().model == "v1"


def test_after_a_rollback_nobody_meets_the_candidate(site: EnvoySite) -> None:
    """Once it has returned no request is given to the candidate any more."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    with Load(port=site.balancer.port) as load:
        CLOCK.sleep(0.5)
        driver.insist(all_to("v1"))
        returned = CLOCK.now()
        CLOCK.sleep(0.7)

    assert load.failed == []
    assert load.last["v2"] < returned + SETTLED < load.last["v1"]
