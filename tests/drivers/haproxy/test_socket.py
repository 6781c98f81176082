"""What an HAProxy answers on its socket: refusals without codes, counters, and its log."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from mlship.errors import MlshipError, OutOfReach, RoutingRefused
from mlship.metrics.counters import difference
from mlship.plan.routing import all_to
from tests.ports import free_port
from tests.support.balanced_site import drawn
from tests.support.haproxy_site import HaproxySite, haproxy_site
from tests.support.site import until

pytestmark = pytest.mark.haproxy


def test_a_socket_whose_level_is_too_low() -> None:
    """The map can be changed at any level, the log needs more: that is said, and no number is made up."""
    with haproxy_site() as site:
        site.serve("v1")
        site.balance(level="user")
        driver = site.up("v1")

        with pytest.raises(OutOfReach, match="Permission denied") as told:
            driver.measure()

        assert "level admin" in told.value.hint
        assert any("level user" in trouble.message for trouble in driver.troubles(fence=1, held=False))


def test_a_map_that_haproxy_does_not_have(site: HaproxySite) -> None:
    """The configuration lacks the lines; which ones is said."""
    site.settings = {"nodes": [{"socket": site.balancer.socket, "map": "/etc/haproxy/other.map"}]}

    with pytest.raises(RoutingRefused, match=r"has no map /etc/haproxy/other.map") as told:
        site.open().route(all_to("v1"))

    assert "mlship init --driver haproxy" in told.value.hint


def test_sockets_that_lead_nowhere(site: HaproxySite) -> None:
    """A file that is missing, one that nobody listens on, and a HAProxy that hangs are told apart, each with a hint."""

    def trouble(socket: str) -> MlshipError:
        site.settings = {"nodes": [{"socket": socket, "map": str(site.balancer.map)}]}
        with pytest.raises(OutOfReach) as told:
            site.open().measure()
        return told.value

    missing = trouble("/nowhere/admin.sock")
    closed = trouble(f"127.0.0.1:{site.balancer.port + 1 if site.balancer.port < 65_535 else 1}")
    master = site.balancer.master
    assert master
    worker = int(site.balancer.pid.split()[1])
    os.kill(worker, signal.SIGSTOP)
    hung = trouble(site.balancer.socket)
    os.kill(worker, signal.SIGCONT)

    assert "No such file" in missing.message
    assert "stats socket" in missing.hint
    assert "nobody listens" in closed.hint
    assert "does not answer within 2 s" in hung.message


def test_a_socket_that_a_dead_haproxy_has_left(site: HaproxySite) -> None:
    """The file is there, and nobody listens on it: a step and a rollback say so, and what to do."""
    driver = site.up("v1", "v2")
    site.balancer.kill()
    assert Path(site.balancer.socket).is_socket()

    with pytest.raises(OutOfReach, match=r"admin.sock does not answer: Connection refused") as step:
        driver.route(drawn(1000))
    with pytest.raises(OutOfReach, match=r"admin.sock does not answer: Connection refused") as back:
        driver.insist(all_to("v1"))

    assert ["start HAProxy: the socket is there" in told.value.hint for told in (step, back)] == [True, True]


def listening(site: HaproxySite, *lines: str) -> None:
    """With these `stats socket` lines beside its own."""
    file = site.balancer.folder / "haproxy.cfg"
    more = "".join(f"    stats socket {line}\n" for line in lines)
    file.write_text(file.read_text().replace("global\n", f"global\n{more}", 1))
    site.balancer.reload()


def test_a_socket_over_tcp(site: HaproxySite) -> None:
    """It takes the same commands."""
    port = free_port()
    listening(site, f"127.0.0.1:{port} level admin")
    site.settings = {"nodes": [{"socket": f"127.0.0.1:{port}", "map": str(site.balancer.map)}]}

    site.up("v1", "v2").route(drawn(5000))

    assert site.balancer.entry == "any:v2:5000:v1:10000"


def test_a_socket_that_others_can_reach(either: HaproxySite) -> None:
    """It has no password: whichever of them mlship uses, that is told, and is in nobody's way; of loopback nothing."""
    either.up("v1", "v2")
    here, four, six = (free_port() for _ in range(3))
    listening(either, f"127.0.0.1:{here} level user", f"ipv6@[::1]:{here} level user")
    assert list(either.open(None).troubles(fence=1, held=False)) == []
    listening(either, f"0.0.0.0:{four} level user", f"ipv6@[::]:{six} level user")

    (trouble,) = either.open(None).troubles(fence=1, held=False)

    assert trouble.mark == "warn"
    assert f"without a password, at 0.0.0.0:{four}, [::]:{six}" in trouble.message
    assert "loopback" in trouble.hint


def test_counters_are_exact(site: HaproxySite) -> None:
    """Every answer is counted, those of 500 as errors, and each has its latency."""
    site.stop("v2")
    site.serve("v2", ERRORS="0.3")
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    before = driver.measure()
    statuses = [site.ask() for _ in range(300)]
    until(lambda: sum(sum(t.latency) for t in (difference(before, driver.measure()) or {}).values()) == 300)

    grown = difference(before, driver.measure())

    assert grown
    for model in ("v1", "v2"):
        mine = [answer.status for answer in statuses if answer.model == model]
        assert (grown[model].requests, grown[model].errors) == (len(mine), sum(status >= 500 for status in mine))
        assert sum(grown[model].latency) == len(mine)


def test_latencies_outlast_the_ring(site: HaproxySite) -> None:
    """The ring is a window; whoever looks regularly has all of them, and whoever only looks in writes nothing."""
    text = (site.balancer.folder / "haproxy.cfg").read_text()
    (site.balancer.folder / "haproxy.cfg").write_text(text.replace("size 16777216", "size 16384"))
    site.balancer.reload()
    driver = site.up("v1")

    for _ in range(6):
        site.shares(100)
        driver.measure()
    folder = site.folder / "state" / "balancer" / "scorer"
    kept = {file: file.read_bytes() for file in folder.iterdir()}
    site.shares(50)
    looked = site.open(None).measure()

    assert sum(looked.models["v1"].latency) == looked.models["v1"].requests == 650
    assert {file: file.read_bytes() for file in folder.iterdir()} == kept


def test_latency_is_the_servers(site: HaproxySite) -> None:
    """A slow model is seen to be slow."""
    site.stop("v1")
    site.serve("v1", DELAY="0.06")
    driver = site.up("v1")
    site.shares(10)

    buckets = driver.measure().models["v1"].latency

    assert sum(buckets[11:]) == 10  # above 50 ms


def test_a_change_that_is_not_read_back_was_none(site: HaproxySite) -> None:
    """HAProxy takes the first word of a value, and says nothing of the rest: only the map tells what was set."""
    driver = site.up("v1")
    (node,) = driver._fleet.nodes

    with pytest.raises(RoutingRefused, match="did not take the split"):
        node.write("any:v1:10000 any:v2:10000")
