"""What the owner of an HAProxy does at its sockets in the middle of a step: reloads that fail, servers for a while."""

from __future__ import annotations

import pytest

from mlship.drivers.balancer.haproxy.api import RuntimeApi
from mlship.errors import RoutingRefused
from mlship.metrics.counters import difference
from mlship.plan.routing import all_to
from tests.support.balanced_load import Load
from tests.support.balanced_site import drawn
from tests.support.haproxy_site import HaproxySite
from tests.support.haproxy_weights import V1, up, weighing
from tests.support.site import until

pytestmark = pytest.mark.haproxy


def master(site: HaproxySite) -> RuntimeApi:
    """Its master's socket, which hangs where nobody says that this was all."""
    return RuntimeApi(address=str(site.balancer.folder / "master.sock"))


def failed(site: HaproxySite) -> bool:
    """Its last reload did, as it tells once it is back at its socket."""
    return site.balancer.minds_signals() and "[failed: 1]" in master(site).ask("show proc", "quit")


def test_a_reload_over_the_masters_socket(site: HaproxySite) -> None:
    """HAProxy 2.6 answers nothing: another worker has taken over, with the split, and no user noticed."""
    driver = site.up("v1", "v2")
    driver.route(drawn(2500))
    before = site.balancer.pid
    with Load(port=site.balancer.port) as load:
        assert master(site).ask("reload", "quit") == ""
        until(lambda: site.balancer.answers() and site.balancer.pid != before)
        assert driver.observe().routing == drawn(2500)
        for model in ("v1", "v2"):
            driver.ensure(model, 1)
        driver.route(drawn(5000))

    assert load.failed == []
    assert driver.observe().routing == drawn(5000)


def test_a_reload_that_fails(site: HaproxySite) -> None:
    """The worker of before goes on, and so does the rollout: it is the same life, and users notice nothing."""
    driver = site.up("v1", "v2")
    driver.route(drawn(2500))
    before, counts = site.balancer.pid, driver.measure()
    with (site.balancer.folder / "haproxy.cfg").open("a") as file:
        file.write("nonsense on\n")
    with Load(port=site.balancer.port) as load:
        assert master(site).ask("reload", "quit") == ""
        until(lambda: failed(site))
        driver.route(drawn(5000))

    assert load.failed == []
    assert site.balancer.pid == before
    assert driver.observe().routing == drawn(5000)
    assert difference(counts, driver.measure()) is not None


def test_a_server_for_a_while(site: HaproxySite) -> None:
    """One that was added is in maintenance until somebody enables it, and is gone with a reload: so it is counted."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    api = site.balancer.api

    def found() -> tuple[int, int]:
        seen = driver.observe().models["v2"]
        return seen.running, seen.ready

    assert "New server" in api.ask(f"add server v2/extra {site.addresses['v2']} check inter 100ms")
    assert found() == (1, 1)
    api.ask("enable server v2/extra", "enable health v2/extra")
    until(lambda: found() == (2, 2))
    assert "Only servers in maintenance" in api.ask("del server v2/extra")

    site.balancer.reload()
    until(lambda: found() == (1, 1))
    driver.route(drawn(2500))


def test_a_server_of_the_configuration_that_is_deleted(site: HaproxySite) -> None:
    """HAProxy deletes that, too: users go to the live model, a step is refused, and a reload has it back."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    before = site.balancer.entry
    assert "Server deleted" in site.balancer.api.ask("set server v2/v2-1 state maint", "del server v2/v2-1")
    seen = driver.observe().models["v2"]

    assert (seen.running, seen.ready) == (0, 0)
    assert site.shares(40) == {"v1": 40}
    with pytest.raises(RoutingRefused, match="no server of v2 is up"):
        driver.route(drawn(2500))
    assert site.balancer.entry == before
    driver.insist(all_to("v1"))
    site.balancer.reload()
    driver.ensure("v2", 1)
    driver.route(drawn(5000))
    assert site.shares(40)["v2"] > 0


def test_a_server_of_the_configuration_that_is_deleted_beside_those_of_all_models() -> None:
    """Layout weights: a step has nothing to go on with and says which it misses; a rollback needs it not."""
    with weighing() as site:
        driver = up(site)
        driver.route(drawn(5000))
        assert "Server deleted" in site.balancer.api.ask("set server app/v2 state maint", "del server app/v2")
        assert set(site.shares(40)) == {"v1a", "v1b"}

        with pytest.raises(RoutingRefused, match="has no server app/v2"):
            driver.route(drawn(2500))
        driver.insist(all_to("v1"))
        site.balancer.reload()

        assert site.balancer.shares == V1
        for model in ("v1", "v2"):
            driver.ensure(model, 1)
        driver.route(drawn(2500))
        assert driver.observe().routing == drawn(2500)


def test_a_server_for_a_while_beside_those_of_all_models() -> None:
    """Layout weights: it is no model's, so it stops a step as soon as it takes requests, and never a rollback."""
    with weighing() as site:
        driver = up(site)
        site.balancer.api.ask(f"add server app/extra {site.addresses['v2']} weight 100")
        driver.route(drawn(5000))
        site.balancer.api.ask("enable server app/extra")

        with pytest.raises(RoutingRefused, match="also sends requests to extra"):
            driver.route(drawn(2500))
        driver.insist(all_to("v1"))

        site.balancer.reload()
        for model in ("v1", "v2"):
            driver.ensure(model, 1)
        driver.route(drawn(2500))
        assert driver.observe().routing == drawn(2500)
