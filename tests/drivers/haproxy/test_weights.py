"""Layout weights: the servers of all models in one backend of an HAProxy that is somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import pytest
from msgspec.structs import replace

from mlship.errors import OutOfReach, RoutingRefused
from mlship.metrics.counters import difference
from mlship.plan.pool import Pool
from mlship.plan.routing import Routing, all_to
from mlship.plan.weights import nearest, spread, totals
from tests.support.balanced_site import drawn
from tests.support.haproxy_site import HaproxySite
from tests.support.haproxy_weights import POOLS, V1, up, weighing
from tests.support.site import split, until

pytestmark = pytest.mark.haproxy


@pytest.fixture
def site() -> Iterator[HaproxySite]:
    """As it should be."""
    with weighing() as opened:
        yield opened


@pytest.mark.parametrize("share", [100, 1000, 5000])
def test_shares(site: HaproxySite, share: int) -> None:
    """The share is that of a model, however many servers it has; those of one model have equal parts of it."""
    count, p = 2000, share / 10_000
    up(site).route(drawn(share))

    found = site.shares(count)

    assert abs(found["v2"] - count * p) <= 4 * sqrt(count * p * (1 - p)), found
    assert abs(found["v1a"] - found["v1b"]) <= count * 0.02


def test_weights_are_absolute(site: HaproxySite) -> None:
    """A server whose weight in the configuration is 0 gets one; in percent of that it would stay 0 without a word."""
    driver = up(site)
    driver.route(drawn(5000))
    assert site.balancer.shares == {"v1a": 128, "v1b": 128, "v2": 256}

    driver.route(drawn(100))
    assert site.balancer.shares == {"v1a": 248, "v1b": 247, "v2": 5}


@pytest.mark.parametrize(
    ("balance", "told"),
    [
        ("leastconn", "balance leastconn"),
        ("random", "another `balance`"),
        ("static-rr", "balance static-rr"),
        ("source", "balance source"),
        ("source\n    hash-type consistent", "balance source"),
        ("uri", "balance uri"),
        ("hdr(x-user)", "balance hdr"),
        ("url_param user", "balance url_param"),
    ],
)
def test_algorithms_whose_shares_are_not_the_weights(balance: str, told: str) -> None:
    """They take weights, or refuse them late, and send something else: refused before anything is changed."""
    with weighing(f"balance {balance}") as site:
        driver = site.open()
        for model in POOLS:
            driver.ensure(model, 1)
        before = site.balancer.shares

        with pytest.raises(RoutingRefused, match=f"{told}.*, whose shares are not its weights"):
            driver.insist(drawn(1000))

        assert site.balancer.shares == before
        found = [each for each in driver.troubles(fence=1, held=False) if "shares are not its weights" in each.message]
        assert [(each.mark, told in each.message) for each in found] == [("FAIL", True)]


def test_cookies_that_hold_users() -> None:
    """A weight of 0 would go on serving whoever has the cookie: such a backend is refused, and `doctor` says so."""
    with weighing("balance roundrobin", "cookie SRV insert") as site:
        driver = site.open()
        driver.ensure("v1", 1)
        found = [each for each in driver.troubles(fence=1, held=False) if "keeps users by cookie SRV" in each.message]

        with pytest.raises(RoutingRefused, match="keeps users by cookie SRV") as told:
            driver.insist(drawn(1000))
        assert "layout: map" in told.value.hint
        assert [(each.mark, each.hint) for each in found] == [("FAIL", told.value.hint)]


def test_a_level_that_does_not_suffice() -> None:
    """The reply is a sentence, and no weight was changed."""
    with weighing(level="operator") as site:
        driver = site.open()
        driver.ensure("v1", 1)

        with pytest.raises(RoutingRefused, match="Permission denied") as told:
            driver.insist(drawn(1000))

        assert "level admin" in told.value.hint
        assert any("level operator" in trouble.message for trouble in driver.troubles(fence=1, held=False))


@pytest.mark.parametrize("routing", [drawn(1), split(1000), replace(all_to("v1"), closed=True)])
def test_what_weights_cannot_say(site: HaproxySite, routing: Routing) -> None:
    """Too fine a share, users who stay, a closed door."""
    driver = up(site)
    with pytest.raises(RoutingRefused) as told:
        driver.route(routing)

    assert "layout: map" in told.value.hint
    assert driver.observe().routing == all_to("v1")


def test_a_reload_and_a_restart_keep_the_weights(site: HaproxySite) -> None:
    """The state file has them."""
    driver = up(site)
    driver.route(drawn(1000))
    site.balancer.reload()
    assert driver.observe().routing == drawn(1000)
    site.balancer.kill()
    site.balancer.start()
    assert driver.observe().routing == drawn(1000)
    assert site.balancer.shares["v2"] == 56


def test_a_configuration_that_was_changed_wins(site: HaproxySite) -> None:
    """HAProxy passes the state file over for a server whose weight was edited: a step forward sees that."""
    driver = up(site)
    driver.route(drawn(1000))
    file = site.balancer.folder / "haproxy.cfg"
    file.write_text(file.read_text().replace("weight 0", "weight 33"))
    site.balancer.reload()

    with pytest.raises(RoutingRefused, match="somebody else has changed"):
        driver.route(drawn(2000))
    driver.insist(all_to("v1"))
    assert site.balancer.shares == V1


def test_a_change_by_somebody_else_stops_a_step_and_no_rollback(site: HaproxySite) -> None:
    """Both splits are told."""
    driver = up(site)
    driver.route(drawn(1000))
    site.balancer.api.ask("set weight app/v1a 0")
    site.balancer.api.ask("set weight app/v1b 56")

    with pytest.raises(RoutingRefused, match=r"it has v1 50%, v2 50%, mlship has set v2 10%, v1 90%"):
        driver.route(drawn(2000))
    driver.insist(all_to("v1"))
    assert site.balancer.shares == V1


def test_two_nodes_one_dead() -> None:
    """Forward neither moves; back the other does, and the dead one comes back with the rollback in its state file."""
    with weighing(count=2) as site:
        driver = up(site)
        driver.route(drawn(1000))
        site.balancers[0].kill()
        with pytest.raises(OutOfReach):
            driver.route(drawn(5000))
        assert site.balancers[1].shares["v2"] == 56

        with pytest.raises(OutOfReach, match=r"lb0/admin.sock does not answer.*; done on .*lb1/admin.sock"):
            driver.insist(all_to("v1"))
        assert site.balancers[1].shares == V1

        site.balancers[0].start()
        assert site.balancers[0].shares == V1


def test_counters_are_exact(site: HaproxySite) -> None:
    """Answers of all servers of a model together, errors and latencies, too."""
    site.stop("v2")
    site.serve("v2", ERRORS="0.3")
    health = site.models["v1"]
    site.models["v2"] = replace(health, name="v2", pool=Pool(servers=("v2",)))
    driver = up(site)
    driver.route(drawn(5000))
    before = driver.measure()
    answers = [site.ask() for _ in range(200)]
    until(lambda: sum(sum(t.latency) for t in (difference(before, driver.measure()) or {}).values()) == 200)

    grown = difference(before, driver.measure())

    assert grown
    for model, names in POOLS.items():
        mine = [answer.status for answer in answers if answer.model in names]
        assert (grown[model].requests, grown[model].errors) == (len(mine), sum(status >= 500 for status in mine))
        assert sum(grown[model].latency) == len(mine)


def test_whole_weights() -> None:
    """Exact sums up to 256 for each server, spread evenly; what cannot be has neighbours that can."""
    assert totals({"v2": 100, "v1": 9900}, {"v2": 1, "v1": 2}) == {"v2": 5, "v1": 495}
    assert spread(495, 2) == (248, 247)
    assert totals({"v2": 1, "v1": 9999}, {"v2": 1, "v1": 2}) is None
    assert nearest(7777, 1, 1) == (7760, 7800)
    assert all(totals({"a": share, "b": 10_000 - share}, {"a": 1, "b": 1}) for share in nearest(7777, 1, 1))
