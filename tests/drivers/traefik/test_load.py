"""Traefik under load: changes and rollbacks that no user notices."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mlship.plan.routing import all_to
from tests.support.balanced_load import Load
from tests.support.balanced_site import CLOCK, drawn
from tests.support.site import ask
from tests.support.traefik_site import TraefikSite

pytestmark = [pytest.mark.traefik, pytest.mark.load, pytest.mark.alone]

CHANGES = 20
BETWEEN = 0.15
"""Seconds."""
SETTLED = 0.25
"""Seconds that requests under way when the rollback was called may take to be answered."""


@pytest.mark.parametrize("fresh", [False, True])
def test_changes_fail_no_request(site: TraefikSite, *, fresh: bool) -> None:
    """Twenty changes of the split, forth and back, over connections that stay open and ones that do not."""
    driver = site.up("v1", "v2")
    with Load(port=site.balancer.port, fresh=fresh) as load:
        for number in range(CHANGES):
            driver.route(drawn(2500 * (number % 4)) if number % 4 else all_to("v1"))
            CLOCK.sleep(BETWEEN)

    assert load.failed == []
    assert load.answered["v2"] > 50
    assert sum(load.answered.values()) > 500


def test_requests_under_way_are_finished(site: TraefikSite) -> None:
    """Slow answers of the candidate come through a rollback."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    with ThreadPoolExecutor(20) as pool:
        slow = [pool.submit(ask, site.balancer.port, x_delay="1.5", body=b"{}") for _ in range(20)]
        CLOCK.sleep(0.5)
        driver.insist(all_to("v1"))
        answers = [future.result() for future in slow]

    assert {answer.status for answer in answers} == {200}
    assert {answer.told["model"] for answer in answers} == {"v1", "v2"}
    assert site.ask().model == "v1"


def test_after_a_rollback_nobody_meets_the_candidate(site: TraefikSite) -> None:
    """Once it has returned no request is given to the candidate any more, right after a step, too."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    with Load(port=site.balancer.port) as load:
        driver.route(drawn(6000))
        driver.insist(all_to("v1"))
        returned = CLOCK.now()
        CLOCK.sleep(1.0)

    assert load.failed == []
    assert load.last["v2"] < returned + SETTLED < load.last["v1"]
