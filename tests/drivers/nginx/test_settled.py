"""The moment at which a rollback of nginx returns, against the last request that a worker of before has taken."""

from __future__ import annotations

import pytest

from mlship.plan.routing import all_to
from tests.support.balanced_load import Load
from tests.support.balanced_site import CLOCK, drawn
from tests.support.nginx_site import NginxSite

pytestmark = [pytest.mark.nginx, pytest.mark.load]

ROLLBACKS = 5
EARLIER = 0.05
"""Seconds. Workers of before end up to 0.1 s after the first answer of the new ones: a rollback that returned with
that would miss this nearly every time, one that waits until they listen no more has 0.2 s to spare."""


@pytest.mark.alone
@pytest.mark.parametrize("fresh", [False, True], ids=["kept", "fresh"])
def test_the_last_answer_of_the_candidate_is_older_than_the_rollback(site: NginxSite, *, fresh: bool) -> None:
    """Right after a step, too: an answer of the new generation is no proof that the one before has ended."""
    driver = site.up("v1", "v2")
    for _ in range(ROLLBACKS):
        driver.route(drawn(5000))
        with Load(port=site.balancer.port, rate=700.0, fresh=fresh) as load:
            CLOCK.sleep(0.3)
            driver.route(drawn(6000))
            driver.insist(all_to("v1"))
            returned = CLOCK.now()
            CLOCK.sleep(0.5)

        assert load.last["v2"] < returned - EARLIER
        assert load.last["v1"] > returned
