"""Balancers that are reloaded, restarted or dead in the middle of a step, while users go on asking."""

from __future__ import annotations

from typing import Any

import pytest

from mlship.errors import OutOfReach, RoutingRefused
from mlship.plan.routing import all_to
from tests.drivers.balancer.makes import MAKES, Make
from tests.support.balanced_load import Load
from tests.support.balanced_site import CLOCK, drawn
from tests.support.site import until

pytestmark = pytest.mark.load

RATE = 400.0
"""Requests per second."""
RELOADED = [pytest.param(make, marks=getattr(pytest.mark, make.engine)) for make in MAKES if make.reload is not None]


@pytest.mark.parametrize("make", RELOADED, ids=str)
def test_a_reload(make: Make[Any]) -> None:
    """Users hardly notice; the split is kept, or what came instead stops the next step and nobody meets it unseen."""
    assert make.reload is not None
    with make.opened() as site:
        driver = site.up("v1", "v2")
        driver.route(drawn(2500))
        with Load(port=site.balancer.port, rate=RATE) as load:
            make.reload(site.balancer)
            go_on(driver, forgotten=make.reload_forgets)
            CLOCK.sleep(0.5)

        assert driver.observe().routing == drawn(5000)
    assert len(load.failed) <= 3 * make.once, load.failed
    assert load.answered["v2"] > 0


def test_a_restart(make: Make[Any]) -> None:
    """While it is away no step goes on; once it is back no request fails, and the next step is as after a reload."""
    with make.opened() as site:
        driver = site.up("v1", "v2")
        driver.route(drawn(2500))
        with Load(port=site.balancer.port, rate=RATE, fresh=True) as load:
            make.stop(site.balancer)
            with pytest.raises(OutOfReach, match="does not answer"):
                driver.route(drawn(5000))
            site.balancer.start()
            until(lambda: site.ask().status == 200)
            back = CLOCK.now()
            go_on(driver, forgotten=make.restart_forgets)
            CLOCK.sleep(0.5)

        assert driver.observe().routing == drawn(5000)
    later = [failure for failure in load.failed if failure.asked > back]
    assert load.failed
    assert len(later) <= 2 * make.once, later
    assert load.last["v2"] > back


def go_on(driver: Any, *, forgotten: bool) -> None:
    """The next step: where the split before it was forgotten, only once somebody has set that again."""
    if forgotten:
        with pytest.raises(RoutingRefused, match="it has v1 100%, mlship has set v2 25%, v1 75%"):
            driver.route(drawn(5000))
        driver.insist(drawn(2500))
    for model in ("v1", "v2"):
        driver.ensure(model, 1)
    driver.route(drawn(5000))


def test_two_of_them_and_one_dies(make: Make[Any]) -> None:
    """Users of the other one lose nothing: forward it stays where it is, back it goes at once."""
    with make.opened(2) as site:
        driver = site.up("v1", "v2")
        driver.route(drawn(5000))
        with Load(port=site.balancer.port, rate=RATE) as load:
            make.stop(site.balancers[1])
            with pytest.raises(OutOfReach, match="does not answer"):
                driver.route(drawn(2500))
            CLOCK.sleep(0.5)
            called = CLOCK.now()
            with pytest.raises(OutOfReach, match="; done on"):
                driver.insist(all_to("v1"))
            returned = CLOCK.now()
            CLOCK.sleep(1.0)
        site.balancers[1].start()
        driver.insist(all_to("v1"))

        assert (driver.observe().routing, driver.observe().router) == (all_to("v1"), True)
    assert len(load.failed) <= 2 * make.once, load.failed
    assert called - 0.5 < load.last["v2"] < returned + 0.25 < load.last["v1"]
