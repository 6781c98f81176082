"""Two HAProxy that carry the same traffic: forward both or none, back on every one that answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlship.errors import OutOfReach, RoutingRefused
from mlship.metrics.counters import difference
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.haproxy_site import HaproxySite, haproxy_site
from tests.support.site import ask, split

pytestmark = pytest.mark.haproxy

LIVE = "any:v1:10000"


@pytest.fixture
def site() -> Iterator[HaproxySite]:
    """Two models and two HAProxy."""
    with haproxy_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance(2)
        yield opened


def entries(site: HaproxySite) -> list[str | None]:
    return [balancer.entry for balancer in site.balancers]


def test_all_nodes_have_the_split(site: HaproxySite) -> None:
    """What is observed is what all of them do."""
    driver = site.up("v1", "v2")
    driver.route(split(1000))

    one, other = entries(site)

    assert one == other
    assert driver.observe().routing == split(1000)


def test_forward_with_a_dead_node_changes_none(site: HaproxySite) -> None:
    """The one that answers is where it was, in its map and in its file; which one is dead is told."""
    driver = site.up("v1", "v2")
    site.balancers[1].kill()

    with pytest.raises(OutOfReach, match=r"lb1/admin.sock does not answer"):
        driver.route(split(1000))

    assert site.balancers[0].entry == LIVE
    assert site.balancers[0].map.read_text() == f"scorer {LIVE}\n"
    assert (driver.observe().routing, driver.observe().router) == (all_to("v1"), False)
    assert not driver.observe().unreachable
    site.balancers[0].kill()
    assert driver.observe().unreachable


def test_forward_is_taken_back_where_a_later_node_fails(site: HaproxySite) -> None:
    """The first node has it already when the second cannot keep it: both go back."""
    driver = site.up("v1", "v2")
    site.balancers[1].map.unlink()
    site.balancers[1].map.mkdir()

    with pytest.raises(OutOfReach, match=r"the other nodes are as they were"):
        driver.route(split(1000))

    assert entries(site) == [LIVE, LIVE]
    assert site.balancers[0].map.read_text() == f"scorer {LIVE}\n"


def test_a_change_by_somebody_else_in_the_middle_is_left_alone(site: HaproxySite) -> None:
    """Before the change the second gets another split by hand: the first goes back, theirs stays; both are told."""
    driver = site.up("v1", "v2")
    before = driver._fleet.read()
    site.balancers[1].api.ask(f"set map {site.balancers[1].map} scorer any:v2:2500:v1:10000")

    with pytest.raises(RoutingRefused, match=r"lb1/admin.sock just now: .*, the other nodes are as they were") as told:
        driver._fleet.forward(driver._language.value_of(drawn(5000)), before)

    assert f"it has any:v2:2500:v1:10000, and had {LIVE}" in told.value.message
    assert "mlship doctor" in told.value.hint
    assert entries(site) == [LIVE, "any:v2:2500:v1:10000"]
    assert [each.map.read_text() for each in site.balancers] == [f"scorer {LIVE}\n"] * 2


def test_back_with_a_dead_node_goes_on(site: HaproxySite) -> None:
    """Whoever answers is rolled back at once, whichever is dead; that one comes back with the rollback in its file."""
    driver = site.up("v1", "v2")
    driver.route(split(5000))
    site.balancers[0].kill()

    with pytest.raises(OutOfReach, match=r"lb0/admin.sock does not answer.*; done on .*lb1/admin.sock"):
        driver.insist(all_to("v1"))
    assert site.balancers[1].entry == LIVE

    site.balancers[0].start()
    assert entries(site) == [LIVE, LIVE]
    driver.insist(all_to("v1"))
    assert (driver.observe().routing, driver.observe().router) == (all_to("v1"), True)


def test_a_node_that_missed_a_rollback_is_seen(site: HaproxySite) -> None:
    """Where its file is out of reach it comes back with the candidate: that is no peace, and one more call ends it."""
    site.settings = {
        "nodes": [{"socket": each.socket, "map": str(each.map), "persist": False} for each in site.balancers]
    }
    driver = site.up("v1", "v2")
    driver.route(split(5000))
    old = site.balancers[1].entry
    site.balancers[1].map.write_text(f"scorer {old}\n")
    site.balancers[1].kill()
    with pytest.raises(OutOfReach):
        driver.insist(all_to("v1"))

    site.balancers[1].start()
    assert driver.observe().routing == split(5000)
    driver.insist(all_to("v1"))

    assert entries(site) == [LIVE, LIVE]
    assert driver.observe().routing == all_to("v1")


def test_one_node_that_somebody_changed_stops_a_step(site: HaproxySite) -> None:
    """Which one, what it has and what it should have are told."""
    driver = site.up("v1", "v2")
    driver.route(split(1000))
    site.balancers[1].api.ask(f"set map {site.balancers[1].map} scorer any:v2:10000")

    with pytest.raises(RoutingRefused, match=r"lb1/admin.sock: it has v2 100%, mlship has set v2 10%, v1 90%"):
        driver.route(split(2000))
    assert driver.observe().routing == all_to("v2")


def test_counters_are_those_of_both(site: HaproxySite) -> None:
    """Users of either node count; when one starts anew, nothing is known of the time between."""
    driver = site.up("v1", "v2")
    before = driver.measure()
    for balancer in site.balancers:
        for _ in range(10):
            assert ask(balancer.port).model == "v1"
    grown = difference(before, driver.measure())

    assert grown
    assert grown["v1"].requests == sum(grown["v1"].latency) == 20
    site.balancers[1].reload()
    assert difference(before, driver.measure()) is None


def test_a_server_must_be_up_on_every_node(site: HaproxySite) -> None:
    """A model is as ready as it is on the node that has the fewest of its servers."""
    driver = site.up("v1", "v2")
    site.balancers[1].api.ask("set server v2/v2-1 state maint")

    assert driver.observe().models["v2"].ready == 0
    with pytest.raises(RoutingRefused, match="no server of v2 is up"):
        driver.route(split(1000))
