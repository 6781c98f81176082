"""What an Envoy that is somebody else's forgets, what others do to it, and what it tells."""

from __future__ import annotations

import os
import signal
from math import sqrt

import pytest

from mlship.errors import MlshipError, OutOfReach, RoutingRefused
from mlship.metrics.counters import difference
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.envoy_site import EnvoySite, envoy_site
from tests.support.site import until

pytestmark = pytest.mark.envoy


def test_a_change_by_somebody_else_stops_a_step_and_no_rollback(site: EnvoySite) -> None:
    """Both values are told; nothing is overwritten by a step forward, and everything by the way back."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    site.balancer.set_by_hand(split_v1=5000, split_v2=5000)

    assert dict(driver.observe().routing.weights) == {"v2": 5000, "v1": 5000}  # type: ignore[union-attr]
    with pytest.raises(RoutingRefused, match=r"it has v1 50%, v2 50%, mlship has set v2 10%, v1 90%"):
        driver.route(drawn(2000))
    assert site.balancer.weights == {"v1": 5000, "v2": 5000}

    driver.insist(all_to("v1"))
    assert driver.observe().routing == all_to("v1")


def test_a_rule_that_somebody_else_has_set_is_told_although_the_shares_are_the_same(site: EnvoySite) -> None:
    """In Envoy's own keys: words for shares would be the same twice."""
    driver = site.up("v1", "v2")
    site.balancer.set_by_hand(aside_v2='{"numerator":10000,"denominator":"TEN_THOUSAND"}')

    with pytest.raises(
        RoutingRefused, match=r"it has '.*\"aside\.v2\":10000.*', mlship has set '\{\"split\.v1\":10000\}'"
    ):
        driver.route(drawn(2000))


def test_weights_that_do_not_sum_up_are_told_as_what_they_are(site: EnvoySite) -> None:
    """Envoy divides by their sum, whatever that is: 5000 and 2000 are 71 and 29 percent."""
    driver = site.up("v1", "v2")
    site.balancer.set_by_hand(split_v1=5000, split_v2=2000)

    assert dict(driver.observe().routing.weights) == {"v1": 7143, "v2": 2857}  # type: ignore[union-attr]
    share = 2000 / 7000
    assert abs(site.shares(1000)["v2"] - 1000 * share) <= 4 * sqrt(1000 * share * (1 - share))


def test_a_bare_number_is_percent(site: EnvoySite) -> None:
    """Somebody's 150 is all requests on the side, not 150 of 10 000; so it is told, and a rollback ends it."""
    driver = site.up("v1", "v2")
    site.balancer.set_by_hand(aside_v2="150")

    assert {site.ask(x_preview="yes").model for _ in range(20)} == {"v2"}
    with pytest.raises(RoutingRefused, match=r'it has .*"aside\.v2":10000'):
        driver.route(drawn(2000))
    driver.insist(all_to("v1"))
    assert {site.ask(x_preview="yes").model for _ in range(20)} == {"v1"}


@pytest.mark.parametrize("nonsense", ["abc", "-5", "0.5"])
def test_what_envoy_takes_and_does_not_do_is_seen(site: EnvoySite, nonsense: str) -> None:
    """It answers 200 to a weight that is none; that is told as it stands, and a rollback sets it right."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    site.balancer.set_by_hand(split_v2=nonsense)

    with pytest.raises(RoutingRefused, match=nonsense):
        driver.route(drawn(2000))
    driver.insist(all_to("v1"))

    assert site.balancer.weights == {"v1": 10_000}


@pytest.mark.parametrize("restarts", [False, True])
def test_a_rollback_takes_users_from_a_cluster_that_the_plan_does_not_name(*, restarts: bool) -> None:
    """Such as a model that was live once: set by hand, or by a configuration that still says so after a restart."""
    with envoy_site() as site:
        for name in ("v1", "v2", "v0"):
            site.serve(name)
        site.balance()
        site.up("v1", "v2", "v0")
        del site.models["v0"]
        driver = site.open(2)
        driver.route(drawn(5000))
        if restarts:
            site.balancer.kill()
            text = site.balancer.file.read_text()
            site.balancer.file.write_text(text.replace("{ name: v0, weight: 0 }", "{ name: v0, weight: 10000 }"))
            site.balancer.start()
        else:
            site.balancer.set_by_hand(split_v0=5000)
        until(lambda: "v0" in {site.ask().model for _ in range(10)})

        driver.insist(all_to("v1"))

        assert driver.observe().routing == all_to("v1")
        assert site.shares(100) == {"v1": 100}


def test_the_first_routing_must_be_what_is_there(site: EnvoySite) -> None:
    """What the configuration says counts where nothing was ever set: a wrong `live` moves no traffic."""
    driver = site.open()
    driver.ensure("v2", 1)

    with pytest.raises(RoutingRefused, match=r"sends v1 100%, and the first routing would be v2 100%"):
        driver.route(all_to("v2"))


def test_a_restart_in_the_middle_of_a_step_is_a_change_towards_safety(site: EnvoySite) -> None:
    """Envoy forgets what was set, and its file says the live model alone; no step goes on from there unseen."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    before = driver.measure()
    site.balancer.kill()
    assert (driver.observe().routing, driver.observe().router) == (drawn(5000), False)
    with pytest.raises(OutOfReach, match="does not answer") as told:
        driver.route(drawn(7500))
    assert "start Envoy" in told.value.hint

    site.balancer.start()

    assert site.balancer.runtime == {}
    assert set(site.shares(20)) == {"v1"}
    assert driver.observe().routing == all_to("v1")
    assert difference(before, driver.measure()) is None
    with pytest.raises(RoutingRefused, match=r"it has v1 100%, mlship has set v2 50%, v1 50%"):
        driver.route(drawn(7500))
    driver.insist(drawn(5000))
    driver.route(drawn(7500))


def test_one_without_an_admin_layer() -> None:
    """It takes no key; that is said, with what to add."""
    with envoy_site() as site:
        site.serve("v1")
        site.balance(replaced={"name: admin, admin_layer: {}": "name: more, static_layer: {}"})
        driver = site.open()
        driver.ensure("v1", 1)

        with pytest.raises(RoutingRefused, match="did not take the split") as told:
            driver.route(all_to("v1"))

        assert "admin_layer" in told.value.hint


def test_one_whose_routes_know_nothing_of_the_service(site: EnvoySite) -> None:
    """No key of it would do anything."""
    site.service = "other"

    with pytest.raises(RoutingRefused, match=r"no route whose weights follow mlship.other.split"):
        site.open().route(all_to("v1"))


def test_an_administration_over_tcp() -> None:
    """It takes the same requests."""
    with envoy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance(over_tcp=True)

        site.up("v1", "v2").route(drawn(5000))

        assert site.balancer.weights == {"v1": 5000, "v2": 5000}


def test_endpoints_that_lead_nowhere(site: EnvoySite) -> None:
    """A socket that is missing, a port that nobody listens at, and an Envoy that hangs are told apart, with a hint."""

    def trouble(admin: str) -> MlshipError:
        site.settings = {"nodes": [{"admin": admin}]}
        with pytest.raises(OutOfReach) as told:
            site.open().measure()
        return told.value

    missing, closed = trouble("/nowhere/admin.sock"), trouble("127.0.0.1:1")
    assert site.balancer.process
    os.kill(site.balancer.process.pid, signal.SIGSTOP)
    hung = trouble(site.balancer.admin)
    os.kill(site.balancer.process.pid, signal.SIGCONT)

    assert "No such file" in missing.message
    assert "refused" in closed.message
    assert "does not answer within 3 s" in hung.message
    assert all(each.hint for each in (missing, closed, hung))


def test_counters_are_exact(site: EnvoySite) -> None:
    """Every answer is counted once, 500 as an error, each with its latency; a change of the split ends no count."""
    driver = site.up("v1", "v2")
    site.stop("v2")
    until(lambda: not driver.observe().models["v2"].ready)
    site.serve("v2", ERRORS="0.3")
    until(lambda: driver.observe().models["v2"].ready == 1)
    driver.route(drawn(5000))
    before = driver.measure()
    statuses = [site.ask() for _ in range(100)]
    driver.route(drawn(2500))
    statuses += [site.ask(x_delay="0.06") for _ in range(10)]

    grown = difference(before, driver.measure())

    assert grown
    for model in ("v1", "v2"):
        mine = [answer.status for answer in statuses if answer.model == model]
        assert (grown[model].requests, grown[model].errors) == (len(mine), sum(status >= 500 for status in mine))
        assert sum(grown[model].latency) == len(mine)
    assert sum(sum(tally.latency[11:]) for tally in grown.values()) >= 10  # above 50 ms


def test_a_server_that_is_gone_is_an_error_of_its_model(site: EnvoySite) -> None:
    """Envoy's own 503 for it counts: users cannot tell the two apart."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    before = driver.measure()
    site.stop("v2")
    statuses = [site.ask().status for _ in range(40)]

    grown = difference(before, driver.measure())

    assert grown
    assert grown["v1"].errors == 0
    assert grown["v2"].errors == grown["v2"].requests == statuses.count(503) > 0
    until(lambda: driver.observe().models["v2"].ready == 0)
