"""Two balancers that carry the same traffic: forward both or none, back on every one that answers; each make alike."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from mlship.drivers.balancer.driver import BalancerDriver
from mlship.errors import OutOfReach, RoutingRefused
from mlship.metrics.counters import difference
from mlship.plan.routing import all_to
from tests.support.balanced_site import BalancedSite, drawn
from tests.support.owners import OWNERS, Owner
from tests.support.site import ask, until

Site = BalancedSite[Any]


@pytest.fixture(params=[pytest.param(owner, marks=getattr(pytest.mark, owner.engine)) for owner in OWNERS], ids=str)
def owner(request: pytest.FixtureRequest) -> Owner[Any]:
    """Whose they are."""
    assert isinstance(request.param, Owner)
    return request.param


@pytest.fixture
def site(owner: Owner[Any]) -> Iterator[Site]:
    """Two models behind both."""
    with owner.site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance(2)
        yield opened


def found(owner: Owner[Any], site: Site) -> list[object]:
    return [owner.found(balancer) for balancer in site.balancers]


def kept(driver: BalancerDriver) -> list[str | None]:
    return [node.kept() for node in driver._fleet.nodes]


def test_forward_with_a_dead_node_changes_none(owner: Owner[Any], site: Site) -> None:
    """The one that answers is where it was, also where the other dies in the middle; which one is dead is told."""
    driver = site.up("v1", "v2")
    before, kept_before = driver._fleet.read(), kept(driver)
    site.balancers[1].kill()

    with pytest.raises(OutOfReach, match=re.escape(owner.away(site.balancers[1]))):
        driver.route(drawn(1000))
    assert owner.found(site.balancers[0]) == owner.live
    with pytest.raises(OutOfReach, match="the other nodes are as they were"):
        driver._fleet.forward(driver._language.value_of(drawn(1000)), before)
    assert owner.found(site.balancers[0]) == owner.live

    assert kept(driver)[0] == kept_before[0]
    assert (driver.observe().routing, driver.observe().router) == (all_to("v1"), False)
    assert not driver.observe().unreachable
    site.balancers[0].kill()
    assert driver.observe().unreachable


def test_back_with_a_dead_node_goes_on(owner: Owner[Any], site: Site) -> None:
    """Whoever answers is rolled back at once, whichever is dead; that one comes back the same, or is seen."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    split, other = found(owner, site)
    assert split == other != owner.live
    site.balancers[0].kill()

    with pytest.raises(OutOfReach, match=re.escape(owner.away(site.balancers[0])) + ".*; done on "):
        driver.insist(all_to("v1"))
    assert owner.found(site.balancers[1]) == owner.live

    site.balancers[0].start()
    until(lambda: site.ask().status == 200)
    came_back = {"Caddy": split, "Envoy": {}}.get(owner.name, owner.live)
    until(lambda: found(owner, site) == [came_back, owner.live])
    assert driver.observe().routing == (drawn(5000) if came_back == split else all_to("v1"))
    assert {site.ask().model for _ in range(10)} == ({"v1", "v2"} if came_back == split else {"v1"})
    driver.insist(all_to("v1"))
    assert found(owner, site) == [owner.live, owner.live]
    assert (driver.observe().routing, driver.observe().router) == (all_to("v1"), True)


def test_one_node_that_somebody_changed_stops_a_step(owner: Owner[Any], site: Site) -> None:
    """Which one, what it has and what it should have are told."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    mine, _ = found(owner, site)
    owner.by_hand(site.balancers[1])
    until(lambda: all(ask(site.balancers[1].port).model == "v2" for _ in range(10)))

    which, _, _ = owner.away(site.balancers[1]).partition(" does not")
    with pytest.raises(RoutingRefused, match=re.escape(f"{which}: it has v2 100%, mlship has set v2 10%, v1 90%")):
        driver.route(drawn(2000))
    assert owner.found(site.balancers[0]) == mine
    assert driver.observe().routing == all_to("v2")


def test_a_change_by_somebody_else_in_the_middle_is_left_alone(owner: Owner[Any], site: Site) -> None:
    """Between the look and the change the second is changed by hand: the first goes back, theirs stays; it is told."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    before, (mine, _) = driver._fleet.read(), found(owner, site)
    owner.by_hand(site.balancers[1])
    until(lambda: all(ask(site.balancers[1].port).model == "v2" for _ in range(10)))
    theirs, kept_before = owner.found(site.balancers[1]), kept(driver)

    told_of = (
        r"somebody else (has )?changed .* it has .*v2.*, (and had|mlship has set) .*, the other nodes are as they were"
    )
    with pytest.raises(RoutingRefused, match=told_of) as told:
        driver._fleet.forward(driver._language.value_of(drawn(5000)), before)

    assert "mlship doctor" in told.value.hint
    assert found(owner, site) == [mine, theirs]
    assert kept(driver) == kept_before


def test_counters_are_those_of_both(site: Site) -> None:
    """Users of either node count; when one starts anew, nothing is known of the time between."""
    driver = site.up("v1", "v2")
    before = driver.measure()
    for balancer in site.balancers:
        assert [ask(balancer.port).model for _ in range(10)] == ["v1"] * 10
    until(lambda: (difference(before, driver.measure()) or {})["v1"].requests == 20)

    assert sum((difference(before, driver.measure()) or {})["v1"].latency) == 20
    site.balancers[1].kill()
    site.balancers[1].start()
    assert difference(before, driver.measure()) is None
