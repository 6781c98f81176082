"""One HAProxy that is somebody else's: what it answers, what it forgets, and what others do to it meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from math import sqrt

import pytest
from msgspec.structs import replace

from mlship.errors import MlshipError, ModelNotReady, OutOfReach, RoutingRefused, UsageError
from mlship.metrics.counters import difference
from mlship.plan.pool import Pool
from mlship.plan.routing import Mirror, Routing, all_to
from mlship.plan.rule import Rule, header_is
from tests.support.haproxy_site import HaproxySite, haproxy_site
from tests.support.site import split, until

pytestmark = pytest.mark.haproxy


def drawn(share: int) -> Routing:
    """`share` basis points to v2, each request drawn anew."""
    return replace(split(share, salt=""), assign_by=None)


@pytest.fixture
def site() -> Iterator[HaproxySite]:
    """Two models and an HAProxy."""
    with haproxy_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance()
        yield opened


@pytest.mark.parametrize("share", [100, 1000, 5000])
def test_shares(site: HaproxySite, share: int) -> None:
    """The candidate's share of the answers is what was asked for, within four standard deviations."""
    count, p = 4000, share / 10_000
    site.up("v1", "v2").route(drawn(share))

    found = site.shares(count)["v2"]

    assert abs(found - count * p) <= 4 * sqrt(count * p * (1 - p)), found


def test_users_stay_and_a_larger_share_only_adds(site: HaproxySite) -> None:
    """The same users at each ask; those of 10% are among those of 30%; another salt takes other users."""
    driver = site.up("v1", "v2")

    def candidates(share: int, salt: str = "s") -> set[str]:
        driver.route(split(share, salt=salt))
        arms = site.arms(400)
        assert arms == site.arms(400)
        return {user for user, model in arms.items() if model == "v2"}

    small, large, other = candidates(1000), candidates(3000), candidates(3000, salt="t")

    assert 20 <= len(small) <= 60
    assert small < large
    assert not large <= other


def test_users_without_the_header_get_a_cookie(site: HaproxySite) -> None:
    """They stay on their model by it, and need none while nobody is told apart."""
    driver = site.up("v1", "v2")
    assert not site.balancer.ask().cookie
    driver.route(split(5000))

    first = [site.balancer.ask() for _ in range(20)]
    again = [site.balancer.ask(cookie=answer.cookie) for answer in first]

    assert {answer.model for answer in first} == {"v1", "v2"}
    assert [answer.model for answer in first] == [answer.model for answer in again]
    assert not any(answer.cookie for answer in again)


def test_nobody_is_held_by_what_was_rolled_back(site: HaproxySite) -> None:
    """Users who were on the candidate are on the live model with the next request, by header and by cookie."""
    driver = site.up("v1", "v2")
    driver.route(split(5000))
    held = [answer for answer in (site.balancer.ask() for _ in range(20)) if answer.model == "v2"]
    assert held

    driver.insist(all_to("v1"))

    assert {site.balancer.ask(cookie=answer.cookie).model for answer in held} == {"v1"}
    assert set(site.arms(100).values()) == {"v1"}


def test_a_header_leads_to_the_model_on_the_side(site: HaproxySite) -> None:
    """Only with the value that was agreed; after a rollback it leads nowhere else than to the live model."""
    driver = site.up("v1", "v2")
    driver.route(replace(all_to("v1"), rules=(header_is("x-preview", "green", "v2"),)))

    assert site.balancer.ask(x_preview="green").model == "v2"
    assert {site.balancer.ask(x_preview=value).model for value in ("", "red", "any", "v2")} == {"v1"}
    assert {site.balancer.ask().model for _ in range(20)} == {"v1"}
    driver.insist(all_to("v1"))
    assert {site.balancer.ask(x_preview=value).model for value in ("", "green")} == {"v1"}


def test_a_flag_that_is_a_percentage(site: HaproxySite) -> None:
    """So many of everybody, always the same ones."""
    driver = site.up("v1", "v2")
    routing = replace(all_to("v1"), rules=(Rule(model="v2", share=3000),), assign_by="x-user", salt="s")
    driver.route(routing)
    users = {user for user, model in site.arms(300).items() if model == "v2"}

    assert driver.observe().routing == routing
    assert 50 <= len(users) <= 130
    assert users == {user for user, model in site.arms(300).items() if model == "v2"}


def test_an_outage_of_the_candidate_is_none_of_the_users(site: HaproxySite) -> None:
    """A model without a server that is up gets no request, whatever the split says."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    site.balancer.api.ask("set server v2/v2-1 state maint")

    assert set(site.shares(200)) == {"v1"}
    assert driver.observe().models["v2"].ready == 0


def test_a_server_in_maintenance_does_not_move_the_split() -> None:
    """The share is that of the backends, however many servers each has left."""
    with haproxy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        more = f"backend v3\n    server a {site.addresses['v1']}\n    server b {site.addresses['v1']} disabled\n"
        site.balance(more=more)
        site.models["v1"] = replace(site.models["v1"], pool=Pool(backend="v3"))
        driver = site.up("v1", "v2")
        driver.route(drawn(5000))

        assert abs(site.shares(1000)["v2"] - 500) <= 4 * sqrt(250)
        assert driver.observe().models["v1"].running == 1


def test_what_is_not_checked_is_asked() -> None:
    """Servers without `check` are up for HAProxy whatever they do; mlship asks their health path itself."""
    with haproxy_site() as site:
        site.serve("v1")
        site.serve("v2", sick=True)
        site.balance(checked=False)
        driver = site.up("v1")

        with pytest.raises(ModelNotReady, match="GET /v2/health/ready does not answer 2xx"):
            driver.ensure("v2", 1)


def test_a_first_check_is_waited_for(site: HaproxySite) -> None:
    """HAProxy sends requests to a server before its first check has ended; mlship does not call it ready."""
    site.serve("sick", sick=True)
    site.balance()
    site.balancers.pop(0).kill()

    with pytest.raises(ModelNotReady, match="sick-1"):
        site.open().ensure("sick", 1)


def test_a_backend_that_is_not_there(site: HaproxySite) -> None:
    """It is told by name, and is not waited for."""
    site.models["v2"] = replace(site.models["v2"], pool=Pool(backend="fraud-v2"))

    with pytest.raises(UsageError, match="has no backend fraud-v2") as told:
        site.open().ensure("v2", 1)

    assert "backend: NAME" in told.value.hint


def test_a_change_by_somebody_else_stops_a_step_and_no_rollback(site: HaproxySite) -> None:
    """Both values are told; nothing is overwritten by a step forward, and everything by the way back."""
    driver = site.up("v1", "v2")
    driver.route(split(1000))
    site.balancer.api.ask(f"set map {site.balancer.map} scorer any:v2:5000:v1:10000")

    assert dict(driver.observe().routing.weights) == {"v2": 5000, "v1": 5000}  # type: ignore[union-attr]
    with pytest.raises(RoutingRefused, match=r"it has v2 50%, v1 50%, mlship has set v2 10%, v1 90%"):
        driver.route(split(2000))
    assert site.balancer.entry == "any:v2:5000:v1:10000"

    driver.insist(all_to("v1"))
    assert driver.observe().routing == all_to("v1")


@pytest.mark.parametrize("value", ["nonsense", "any:v2", "any:v2:x:v1:10000", "any:v2:100"])
def test_what_nobody_can_have_meant_is_told_as_it_is(site: HaproxySite, value: str) -> None:
    """A hand that slipped is shown its own text, and users are served meanwhile."""
    driver = site.up("v1", "v2")
    site.balancer.api.ask(f"set map {site.balancer.map} scorer {value}")

    with pytest.raises(RoutingRefused, match=value):
        driver.route(split(1000))
    assert site.balancer.ask().status == 200
    assert driver.observe().routing != all_to("v1")


def test_the_first_routing_must_be_what_is_there(site: HaproxySite) -> None:
    """A plan that takes the wrong model for live does not move the traffic of a running service."""
    site.balancer.api.ask(f"add map {site.balancer.map} scorer any:v2:10000")
    driver = site.open()
    driver.ensure("v1", 1)

    with pytest.raises(RoutingRefused, match=r"sends v2 100%, and the first routing would be v1 100%"):
        driver.route(all_to("v1"))
    driver.ensure("v2", 1)
    driver.route(all_to("v2"))

    assert driver.observe().routing == all_to("v2")


def test_a_reload_in_the_middle_of_a_step_keeps_the_split(site: HaproxySite) -> None:
    """The map file has it; the counters are of another life, and no negative traffic."""
    driver = site.up("v1", "v2")
    driver.route(split(2500))
    site.arms(20)
    before = driver.measure()

    site.balancer.reload()

    assert driver.observe().routing == split(2500)
    assert difference(before, driver.measure()) is None
    for model in ("v1", "v2"):
        driver.ensure(model, 1)
    driver.route(split(5000))
    assert driver.observe().routing == split(5000)


def test_a_restart_in_the_middle_of_a_step_keeps_the_split(site: HaproxySite) -> None:
    """While it is away that is told, and a step does not go on; afterwards it does."""
    driver = site.up("v1", "v2")
    driver.route(split(2500))
    site.balancer.kill()
    seen = driver.observe()
    assert (seen.routing, seen.router) == (split(2500), False)
    with pytest.raises(OutOfReach, match="does not answer") as told:
        driver.route(split(5000))
    assert "start HAProxy" in told.value.hint

    site.balancer.start()
    assert driver.observe().routing == split(2500)
    driver.ensure("v2", 1)
    driver.route(split(5000))


def test_without_the_file_a_reload_is_a_change_by_somebody_else(site: HaproxySite) -> None:
    """`persist: false` leaves the file alone: a reload brings back what it says, and a step forward sees that."""
    site.balancer.map.write_text("scorer any:v1:10000\n")
    site.balancer.reload()
    site.settings = {"nodes": [{"socket": site.balancer.socket, "map": str(site.balancer.map), "persist": False}]}
    driver = site.up("v1", "v2")
    driver.route(split(2500))
    assert site.balancer.map.read_text() == "scorer any:v1:10000\n"

    site.balancer.reload()

    with pytest.raises(RoutingRefused, match=r"it has v1 100%, mlship has set v2 25%, v1 75%"):
        driver.route(split(5000))


def test_other_lines_of_the_map_file_stay(site: HaproxySite) -> None:
    """Only the service's own line is replaced; the file keeps its mode, because HAProxy reads it, too."""
    site.balancer.map.write_text("# splits\nchurn any:a:10000\nscorer any:v1:10000\n")
    site.balancer.map.chmod(0o640)
    site.balancer.reload()

    site.up("v1", "v2").route(drawn(1000))

    assert site.balancer.map.read_text() == "# splits\nchurn any:a:10000\nscorer any:v2:1000:v1:10000\n"
    assert site.balancer.map.stat().st_mode & 0o777 == 0o640
    assert {file.name for file in site.balancer.folder.glob("*mlship.map*")} == {"mlship.map"}


def test_a_file_that_cannot_be_written_takes_the_change_back(site: HaproxySite) -> None:
    """A split that a reload would lose is not left live; a rollback stays live, and the trouble is told."""
    driver = site.up("v1", "v2")
    driver.route(split(1000))
    site.balancer.map.unlink()
    site.balancer.map.mkdir()

    with pytest.raises(OutOfReach, match=r"a reload would bring back the split before"):
        driver.route(split(5000))
    assert driver.observe().routing == split(1000)

    with pytest.raises(OutOfReach, match=r"cannot be written"):
        driver.insist(all_to("v1"))
    assert site.balancer.entry == "any:v1:10000"


def test_a_run_that_died_in_the_middle_is_explained(site: HaproxySite) -> None:
    """What it was about to set is no change by somebody else: the next one goes on from there."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    ledger = site.folder / "state" / "balancer" / "scorer" / "ledger.json"
    before = ledger.read_bytes()
    driver.route(drawn(2000))
    told = ledger.read_text().partition('"set":')[2].partition(',"intent"')[0]
    ledger.write_text(before.decode().replace('"intent":null', f'"intent":{told}'))

    next_one = site.open(2)

    assert next_one.observe().routing == drawn(2000)
    next_one.route(drawn(5000))


@pytest.mark.parametrize(
    ("routing", "why"),
    [
        (replace(all_to("v1"), rules=(header_is("x", "y", "v2"),)), "follows one rule here: header x-preview"),
        (replace(all_to("v1"), rules=(header_is("x-preview", "a b; quit", "v2"),)), "follows one rule here"),
        (replace(all_to("v1"), mirrors=(Mirror(model="v2", share=100),)), "copies no requests"),
        (
            Routing(segments=(("v1", 2000), ("v2", 2000)) * 2 + (("v1", 2000),)),
            "at most 4 parts here; this split has 5",
        ),
    ],
)
def test_what_cannot_be_said_is_refused(site: HaproxySite, routing: Routing, why: str) -> None:
    """Before anything is changed, with the reason."""
    driver = site.up("v1", "v2")
    with pytest.raises(RoutingRefused, match=why) as told:
        driver.route(routing)

    assert told.value.hint
    assert driver.observe().routing == all_to("v1")


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


def test_a_socket_over_tcp(site: HaproxySite) -> None:
    """It takes the same commands."""
    from tests.ports import free_port

    port = free_port()
    text = (site.balancer.folder / "haproxy.cfg").read_text()
    (site.balancer.folder / "haproxy.cfg").write_text(
        text.replace("global\n", f"global\n    stats socket 127.0.0.1:{port} level admin\n", 1)
    )
    site.balancer.reload()
    site.settings = {"nodes": [{"socket": f"127.0.0.1:{port}", "map": str(site.balancer.map)}]}

    site.up("v1", "v2").route(drawn(5000))

    assert site.balancer.entry == "any:v2:5000:v1:10000"


def test_counters_are_exact(site: HaproxySite) -> None:
    """Every answer is counted, those of 500 as errors, and each has its latency."""
    site.stop("v2")
    site.serve("v2", ERRORS="0.3")
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    before = driver.measure()
    statuses = [site.balancer.ask() for _ in range(300)]
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
