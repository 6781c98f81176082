"""nginx under load: what users notice of changes, reloads and rollbacks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mlship.plan.routing import all_to
from tests.support.balanced_load import Load
from tests.support.balanced_site import CLOCK
from tests.support.nginx_site import NginxSite
from tests.support.site import ask, split

pytestmark = [pytest.mark.nginx, pytest.mark.load, pytest.mark.alone]

CHANGES = 20
RACES = 5
"""Requests that may meet a connection which nginx is just closing, in so many changes: a reload ends idle ones."""
SETTLED = 0.25
"""Seconds that requests under way when the rollback was called may take to be answered."""


@pytest.mark.parametrize(("fresh", "most"), [(False, RACES), (True, 0)])
def test_changes_fail_no_request(site: NginxSite, *, fresh: bool, most: int) -> None:
    """Twenty changes of the split, forth and back: none that has a connection of its own, few of the others."""
    driver = site.up("v1", "v2")
    with Load(port=site.balancer.port, fresh=fresh) as load:
        for number in range(CHANGES):
            driver.route(split(2500 * (number % 4), salt=str(number)) if number % 4 else all_to("v1"))

    assert len(load.failed) <= most, load.failed
    assert load.answered["v2"] > 50
    assert sum(load.answered.values()) > 1000


def test_requests_under_way_are_finished(site: NginxSite) -> None:
    """Slow answers of the candidate come through a rollback and a reload."""
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


def test_after_a_rollback_nobody_meets_the_candidate(site: NginxSite) -> None:
    """Once it has returned no worker with the split before takes requests any more."""
    driver = site.up("v1", "v2")
    driver.route(split(5000))
    with Load(port=site.balancer.port) as load:
        CLOCK.sleep(0.5)
        driver.insist(all_to("v1"))
        returned = CLOCK.now()
        CLOCK.sleep(1.0)

    assert len(load.failed) <= 1, load.failed
    assert load.last["v2"] < returned + SETTLED < load.last["v1"]
