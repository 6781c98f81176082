"""Layout weights: servers that the plan does not name, and servers that are not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from mlship.drivers.trouble import Trouble
from mlship.errors import RoutingRefused, UsageError
from mlship.plan.pool import Pool
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.haproxy_site import HaproxySite
from tests.support.haproxy_weights import V1, reconfigured, up, weighing

pytestmark = pytest.mark.haproxy


@pytest.fixture
def site() -> Iterator[HaproxySite]:
    """As it should be."""
    with weighing() as opened:
        yield opened


def troubles(site: HaproxySite) -> list[Trouble]:
    return list(site.open(None).troubles(fence=1, held=False))


def joined(site: HaproxySite, more: str) -> None:
    """The owner adds a server that no model has."""
    line = f"    server v2 {site.addresses['v2']} "
    reconfigured(site, line, f"    server old {site.addresses['v2']} {more}\n{line}")


def test_a_change_by_somebody_else_in_the_middle_is_left_alone() -> None:
    """Before the change the second gets other weights by hand: the first goes back, theirs stay; both are told."""
    with weighing(count=2) as site:
        driver = up(site)
        before = driver._fleet.read()
        site.balancers[1].api.ask("set weight app/v2 128")

        with pytest.raises(RoutingRefused, match=r"lb1/.* just now.*, the other nodes are as they were") as told:
            driver._fleet.forward(driver._language.value_of(drawn(5000)), before)

        assert "it has v1a=256 v1b=256 v2=128, and had v1a=256 v1b=256 v2=0" in told.value.message
        assert [each.shares for each in site.balancers] == [V1, {**V1, "v2": 128}]


def test_a_server_that_the_plan_does_not_name(site: HaproxySite) -> None:
    """It takes requests of every model: a step forward is refused, and nothing is changed."""
    driver = up(site)
    joined(site, "weight 200")
    before = site.balancer.shares

    with pytest.raises(RoutingRefused, match="also sends requests to old, of which the plan knows nothing") as told:
        driver.route(drawn(100))

    assert "name it in `servers`" in told.value.hint
    assert site.balancer.shares == before
    assert [trouble.mark for trouble in troubles(site) if "sends requests to old" in trouble.message] == ["FAIL"]


def test_no_rollback_is_stopped_by_it(site: HaproxySite) -> None:
    """It is the owner's, and stays as it is."""
    driver = up(site)
    driver.route(drawn(5000))
    joined(site, "weight 200")

    driver.insist(all_to("v1"))

    assert site.balancer.shares == {"v1a": 256, "v1b": 256, "v2": 0, "old": 200}


@pytest.mark.parametrize("more", ["weight 0", "weight 200 disabled", "weight 200 backup"])
def test_one_that_takes_no_request(site: HaproxySite, more: str) -> None:
    """It is in nobody's way."""
    driver = up(site)
    joined(site, more)

    driver.route(drawn(5000))

    assert site.shares(40)["old"] == 0
    assert troubles(site) == []


def test_a_server_in_maintenance_moves_the_split(site: HaproxySite) -> None:
    """As long as there is a split."""
    driver = up(site)
    site.balancer.api.ask("set server app/v1b state maint")
    assert troubles(site) == []
    driver.route(drawn(5000))

    (trouble,) = troubles(site)

    assert (trouble.mark, "has v1b in maintenance or drain: v1 gets less" in trouble.message) == ("warn", True)
    assert "set server app/v1b state ready" in trouble.hint


def test_a_server_that_the_backend_does_not_have(site: HaproxySite) -> None:
    """Before anything is changed, by its name."""
    site.models["v2"] = replace(site.models["v2"], pool=Pool(servers=("v2", "v2x")))
    driver = site.open()

    with pytest.raises(UsageError, match="has no server app/v2x") as told:
        driver.ensure("v2", 1)

    assert "names servers as the configuration does" in told.value.hint
    assert any("has no server app/v2x" in trouble.message for trouble in troubles(site))


def test_a_backend_that_is_not_there(site: HaproxySite) -> None:
    """A way back is refused there, too: there is nothing to go back on."""
    site.settings = {"layout": "weights", "backend": "elsewhere"}
    driver = site.open()

    with pytest.raises(UsageError, match="has no server elsewhere/v1a"):
        driver.ensure("v1", 1)
    with pytest.raises(RoutingRefused, match="has no backend elsewhere"):
        driver.insist(drawn(1000))
    with pytest.raises(RoutingRefused, match="did not take the weights: No such backend"):
        driver.insist(all_to("v1"))
    assert any("has no backend elsewhere" in trouble.message for trouble in troubles(site))
