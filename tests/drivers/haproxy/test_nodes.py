"""Two HAProxy that carry the same traffic: forward both or none, back on every one that answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlship.errors import OutOfReach, RoutingRefused
from mlship.plan.routing import all_to
from tests.support.haproxy_site import HaproxySite, haproxy_site
from tests.support.site import split

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


def test_forward_is_taken_back_where_a_later_node_fails(site: HaproxySite) -> None:
    """The first node has it already when the second cannot keep it: both go back."""
    driver = site.up("v1", "v2")
    site.balancers[1].map.unlink()
    site.balancers[1].map.mkdir()

    with pytest.raises(OutOfReach, match=r"the other nodes are as they were"):
        driver.route(split(1000))

    assert entries(site) == [LIVE, LIVE]
    assert site.balancers[0].map.read_text() == f"scorer {LIVE}\n"


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


def test_a_server_must_be_up_on_every_node(site: HaproxySite) -> None:
    """A model is as ready as it is on the node that has the fewest of its servers."""
    driver = site.up("v1", "v2")
    site.balancers[1].api.ask("set server v2/v2-1 state maint")

    assert driver.observe().models["v2"].ready == 0
    with pytest.raises(RoutingRefused, match="no server of v2 is up"):
        driver.route(split(1000))
