"""What a router refuses, what is in its way, and what it does then."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
from pathlib import Path

import psutil
import pytest

from mlship.dataplane import channel, envoy
from mlship.dataplane.admin import Admin
from mlship.dataplane.channel import Discovery
from mlship.dataplane.home import Home
from mlship.dataplane.life import Life, exit_code
from mlship.errors import OutOfReach, RoutingRefused
from mlship.plan.routing import all_to
from tests.support.site import Site, served, split, until

pytestmark = pytest.mark.envoy


def router_files(site: Site) -> Path:
    return site.folder / "router"


def admin_of(site: Site) -> Admin:
    running = Home(folder=router_files(site)).running()
    assert running is not None
    return Admin(Path(running.admin))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda config: config.update(no_such_field=1), "no_such_field"),
        (lambda config: config["virtual_hosts"][0]["routes"][-1]["route"].update(cluster="nobody"), "nobody"),
        (lambda config: config["virtual_hosts"].append(config["virtual_hosts"][0]), "domain"),
        (lambda config: config.update(name="another"), "another"),
    ],
    ids=["unknown field", "unknown cluster", "twice the same", "not ours"],
)
def test_a_bad_configuration_is_refused(site: Site, spoil: object, why: str) -> None:
    """Envoy's reason is told, and the routing before stays live, on disk as well."""
    assert callable(spoil)
    driver = site.up(served("v1"))
    router = driver._router
    file = router_files(site) / "rds.json"
    good = channel.decoded(file.read_text())
    assert good is not None
    bad = json.loads(json.dumps(good.resources))
    spoil(bad[0])
    with pytest.raises(RoutingRefused, match=why):
        router._channel("rds.json").put(Discovery(version="1.99", resources=bad))

    assert channel.decoded(file.read_text()) == good
    assert router._channel("rds.json").live() == good.version
    assert (driver.observe().routing, site.ask().status) == (all_to("v1"), 200)


def test_no_replica_no_route(site: Site) -> None:
    """A model without a ready replica gets no traffic: the routing is refused, the one before stands."""
    driver = site.up(served("v1"))
    site.models["v2"] = served("v2")
    with pytest.raises(RoutingRefused, match="no replica of v2 is ready"):
        site.open(2).route(split(100))

    assert driver.observe().routing == all_to("v1")


def test_a_port_that_is_taken(site: Site) -> None:
    """Somebody else on the port is named, and nothing of the failed start is left."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", site.port))
        other.listen()
        with pytest.raises(OutOfReach, match=rf"127\.0\.0\.1:{site.port}.*taken.*process {os.getpid()}") as taken:
            site.up(served("v1"))
        seen = site.open().observe()

    assert "listen" in taken.value.hint
    assert (seen.router, seen.routing) == (False, None)
    assert site.up(served("v1")).observe().router


def test_two_routers_never_share_a_port(site: Site) -> None:
    """A second service on the port of the first is refused, and the first serves on."""
    site.up(served("v1"))
    second = Site(state=site.state, port=site.port, service="other")
    with pytest.raises(OutOfReach, match="taken"):
        second.up(served("v1"))

    assert {site.ask().status for _ in range(20)} == {200}


def test_an_address_that_is_not_ours(site: Site) -> None:
    """An address of another machine is told as one that cannot be listened on."""
    site.models = {"v1": served("v1")}
    driver = site.open(listen="192.0.2.1:8080")
    driver.ensure("v1", 1)
    with pytest.raises(OutOfReach, match=r"192\.0\.2\.1:8080"):
        driver.route(all_to("v1"))


def test_a_silent_router(site: Site) -> None:
    """A router that runs and does not answer is out of reach, and says so."""
    driver = site.up(served("v1"))
    Path(Home(folder=router_files(site)).running().admin).unlink()  # type: ignore[union-attr]
    for act in (driver.observe, driver.measure, lambda: driver.route(all_to("v1"))):
        with pytest.raises(OutOfReach, match="does not answer") as silent:
            act()
        assert silent.value.hint
    assert site.ask().status == 200


def test_a_frozen_router(site: Site) -> None:
    """A router that hangs is out of reach within seconds, and is killed in the end by a shutdown."""
    driver = site.up(served("v1"))
    pid = site.router_pid
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(OutOfReach, match="does not answer"):
        driver.measure()
    driver.shutdown()

    assert driver.observe().router is False
    until(lambda: exit_code(Life(pid=pid, birth="")) == -signal.SIGKILL)


def test_a_router_that_dies_at_its_start(site: Site) -> None:
    """What Envoy says before it dies is told, and nothing of the start is left."""
    driver = site.up(served("v1"))
    site.kill(site.router_pid)
    (router_files(site) / "envoy.log").unlink()
    socket_file = Path(json.loads((router_files(site) / "router.json").read_text())["admin"])
    socket_file.unlink()
    socket_file.mkdir()
    with pytest.raises(OutOfReach, match="the router died at its start") as died:
        driver.route(all_to("v1"))

    assert "envoy.log" in died.value.hint
    assert driver.observe().routing == all_to("v1")


def test_a_router_that_is_down(site: Site) -> None:
    """Counters of a router that is down are out of reach; its socket left behind does not matter."""
    driver = site.up(served("v1"))
    site.kill(site.router_pid)
    with pytest.raises(OutOfReach, match="the router is down"):
        driver.measure()

    seen = driver.observe()
    assert (seen.router, seen.routing) == (False, all_to("v1"))


def test_a_pid_that_was_given_away(site: Site) -> None:
    """A router is not taken for running because another process has its id."""
    driver = site.up(served("v1"))
    site.kill(site.router_pid)
    record = router_files(site) / "router.json"
    told = json.loads(record.read_text())
    told["life"]["pid"] = os.getpid()
    record.write_text(json.dumps(told))
    assert driver.observe().router is False
    driver.route(all_to("v1"))

    assert site.ask().status == 200


def test_a_router_for_many_users(site: Site) -> None:
    """Envoy may open as many files as the machine allows, not as few as a shell's soft limit."""
    site.up(served("v1"))

    assert (
        psutil.Process(site.router_pid).rlimit(psutil.RLIMIT_NOFILE)[0] == resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    )


def test_the_binary_is_new_enough(site: Site) -> None:
    """The version is asked of the router itself."""
    site.up(served("v1"))
    envoy.must_be_recent(admin_of(site))


def test_websocket(site: Site) -> None:
    """An upgrade reaches the model: the router does not answer it by itself."""
    site.up(served("v1"))
    answer = site.ask(connection="Upgrade", upgrade="websocket", sec_websocket_key="dGhlIHNhbXBsZQ==")

    assert (answer.model, answer.headers.get("x-mlship-variant")) == ("v1", "v1")


def test_another_address(site: Site) -> None:
    """A routing with another address moves the running router there."""
    driver = site.up(served("v1"))
    old, site.port = site.port, Site(state=site.state).port
    moved = site.open(2)
    moved.route(all_to("v1"))

    assert (site.ask().status, moved.observe().address) == (200, f"127.0.0.1:{site.port}")
    assert driver.observe().address.endswith(str(site.port))
    site.port = old
    with pytest.raises(ConnectionRefusedError):
        site.ask()
