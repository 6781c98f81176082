"""Caddy under load: what its changes cost, and rollbacks that no user notices."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mlship.plan.routing import all_to
from tests.support.balanced_load import Load
from tests.support.balanced_site import CLOCK, drawn
from tests.support.caddy_site import CaddySite
from tests.support.site import ask, until

pytestmark = [pytest.mark.caddy, pytest.mark.load, pytest.mark.alone]

CHANGES = 20
BETWEEN = 0.15
"""Seconds."""
SETTLED = 0.25
"""Seconds that requests under way when the rollback was called may take to be answered."""
COST = 16
"""Requests that twenty changes may fail: Caddy closes idle connections, and a user may just be about to use one; of new
connections it drops those that wait to be taken."""


@pytest.mark.parametrize("fresh", [False, True], ids=["kept", "fresh"])
def test_changes_fail_few_requests_and_none_that_a_server_has_seen(site: CaddySite, *, fresh: bool) -> None:
    """Twenty changes, over connections of both kinds: a request that failed reached no server, it can be sent anew."""
    driver = site.up("v1", "v2")
    before = driver.measure()
    with Load(port=site.balancer.port, fresh=fresh) as load:
        for number in range(CHANGES):
            driver.route(drawn(2500 * (number % 4)) if number % 4 else all_to("v1"))
            CLOCK.sleep(BETWEEN)

    answered = sum(load.answered.values())
    assert len(load.failed) <= COST, load.failed
    assert not any(failure.isdecimal() for failure in load.failed)
    assert load.answered["v2"] > 50
    assert answered > 500

    def seen() -> int:
        after = driver.measure()
        return sum(after.models[name].requests - before.models[name].requests for name in ("v1", "v2"))

    until(lambda: seen() >= answered)
    assert seen() == answered


def test_requests_under_way_are_finished(site: CaddySite) -> None:
    """Slow answers of the candidate come through a rollback that takes its server out, and through a reload."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    with ThreadPoolExecutor(20) as pool:
        slow = [pool.submit(ask, site.balancer.port, x_delay="1.2", body=b"{}") for _ in range(20)]
        CLOCK.sleep(0.4)
        driver.insist(all_to("v1"))
        site.balancer.reload()
        answers = [future.result() for future in slow]

    assert {answer.status for answer in answers} == {200}
    assert {answer.model for answer in answers} == {"v1", "v2"}
    assert site.ask().model == "v1"


def test_after_a_rollback_nobody_meets_the_candidate(site: CaddySite) -> None:
    """Once it has returned no request is given to the candidate any more."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    with Load(port=site.balancer.port) as load:
        CLOCK.sleep(0.5)
        driver.insist(all_to("v1"))
        returned = CLOCK.now()
        CLOCK.sleep(0.7)

    assert len(load.failed) <= 2, load.failed
    assert load.last["v2"] < returned + SETTLED < load.last["v1"]
