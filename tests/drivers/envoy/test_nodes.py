"""Two Envoy that carry the same traffic: forward both or none, back on every one that answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlship.errors import OutOfReach, RoutingRefused
from mlship.metrics.counters import difference
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.envoy_site import EnvoySite, envoy_site
from tests.support.site import ask

pytestmark = pytest.mark.envoy

LIVE = {"v1": 10_000}


@pytest.fixture
def site() -> Iterator[EnvoySite]:
    """Two models and two Envoy."""
    with envoy_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance(2)
        yield opened


def test_forward_with_a_dead_node_changes_none(site: EnvoySite) -> None:
    """The one that answers is where it was; which one is dead is told. The same where it dies in the middle."""
    driver = site.up("v1", "v2")
    before = driver._fleet.read()
    site.balancers[1].kill()

    with pytest.raises(OutOfReach, match=r"lb1/admin.sock does not answer"):
        driver.route(drawn(1000))
    assert site.balancers[0].weights == LIVE

    with pytest.raises(OutOfReach, match=r"the other nodes are as they were"):
        driver._fleet.forward(driver._language.value_of(drawn(1000)), before)
    assert site.balancers[0].weights == LIVE
    assert (driver.observe().routing, driver.observe().router) == (all_to("v1"), False)


def test_a_change_by_somebody_else_in_the_middle_is_left_alone(site: EnvoySite) -> None:
    """Before the change the second gets another split by hand: the first goes back, theirs stays; both are told."""
    driver = site.up("v1", "v2")
    before = driver._fleet.read()
    site.balancers[1].set_by_hand(split_v1=7500, split_v2=2500)

    with pytest.raises(
        RoutingRefused, match=r"somebody else has changed Envoy .*, the other nodes are as they were"
    ) as told:
        driver._fleet.forward(driver._language.value_of(drawn(5000)), before)

    assert r'it has {"split.v1":7500,"split.v2":2500}, and had {"split.v1":10000}' in told.value.message
    assert [each.weights for each in site.balancers] == [LIVE, {"v1": 7500, "v2": 2500}]


def test_back_with_a_dead_node_goes_on(site: EnvoySite) -> None:
    """Whoever answers is rolled back at once, whichever is dead; that one comes back with the live model alone."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    site.balancers[0].kill()

    with pytest.raises(OutOfReach, match=r"lb0/admin.sock does not answer.*; done on .*lb1/admin.sock"):
        driver.insist(all_to("v1"))
    assert site.balancers[1].weights == LIVE

    site.balancers[0].start()
    assert ask(site.balancers[0].port).model == "v1"
    driver.insist(all_to("v1"))
    assert [each.weights for each in site.balancers] == [LIVE, LIVE]
    assert (driver.observe().routing, driver.observe().router) == (all_to("v1"), True)


def test_one_node_that_somebody_changed_stops_a_step(site: EnvoySite) -> None:
    """Which one, what it has and what it should have are told."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    site.balancers[1].set_by_hand(split_v1=0, split_v2=1)

    with pytest.raises(RoutingRefused, match=r"lb1/admin.sock: it has v2 100%, mlship has set v2 10%, v1 90%"):
        driver.route(drawn(2000))
    assert driver.observe().routing == all_to("v2")


def test_counters_are_those_of_both(site: EnvoySite) -> None:
    """Users of either node count; when one starts anew, nothing is known of the time between."""
    driver = site.up("v1", "v2")
    before = driver.measure()
    for balancer in site.balancers:
        assert [ask(balancer.port).model for _ in range(10)] == ["v1"] * 10
    grown = difference(before, driver.measure())

    assert grown
    assert grown["v1"].requests == sum(grown["v1"].latency) == 20
    site.balancers[1].kill()
    site.balancers[1].start()
    assert difference(before, driver.measure()) is None
