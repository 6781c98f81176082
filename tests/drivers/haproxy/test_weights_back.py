"""Layout weights: the way back, whatever the owner of the HAProxy has changed."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import closing

import pytest

from mlship.errors import OutOfReach, RoutingRefused
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.haproxy_site import HaproxySite
from tests.support.haproxy_weights import V1, reconfigured, state_of, up, weighing
from tests.support.site import until

pytestmark = pytest.mark.haproxy

ROUNDROBIN = "balance roundrobin"
COOKIE = "balance roundrobin\n    cookie SRV insert"
MAINTAINED = 1


@pytest.fixture
def site() -> Iterator[HaproxySite]:
    """As it should be."""
    with weighing() as opened:
        yield opened


def bound(site: HaproxySite) -> str:
    """The cookie of a user whom v2 serves."""
    return next(cookie for model, cookie in (answered(site) for _ in range(60)) if model == "v2")


def answered(site: HaproxySite, cookie: str = "") -> tuple[str, str]:
    """(Who has answered a user with that cookie, the cookie that the answer sets)."""
    connection = http.client.HTTPConnection("127.0.0.1", site.balancer.port, timeout=10)
    with closing(connection):
        connection.request("GET", "/predict", headers={"Cookie": cookie} if cookie else {})
        response = connection.getresponse()
        response.read()
    assert response.status == 200
    return response.headers["x-mlship-variant"], (response.headers["Set-Cookie"] or "").partition(";")[0]


def with_cookies(site: HaproxySite) -> None:
    """The owner binds users to servers."""
    file = site.balancer.folder / "haproxy.cfg"
    text = file.read_text().replace(ROUNDROBIN, COOKIE)
    for name in V1:
        text = text.replace(
            f"server {name} {site.addresses[name]}", f"server {name} {site.addresses[name]} cookie {name}"
        )
    file.write_text(text)
    site.balancer.reload()


@pytest.mark.parametrize("balance", ["leastconn", "random", "source\n    hash-type consistent"])
def test_under_any_algorithm(site: HaproxySite, balance: str) -> None:
    """Where one model gets everything, it does not matter how an algorithm divides."""
    driver = up(site)
    driver.route(drawn(5000))
    reconfigured(site, ROUNDROBIN, f"balance {balance}")

    driver.insist(all_to("v1"))

    assert site.balancer.shares == V1
    assert site.shares(60)["v2"] == 0
    assert driver.observe().routing == all_to("v1")
    with pytest.raises(RoutingRefused, match="shares are not its weights"):
        driver.route(drawn(1000))
    assert site.balancer.shares == V1


@pytest.mark.parametrize("balance", ["static-rr", "source", "uri", "hdr(x-user)"])
def test_under_an_algorithm_that_takes_no_weights(balance: str) -> None:
    """It takes 0, and the weight in the configuration: that is enough for a way back."""
    with weighing(f"balance {balance}") as site:
        reconfigured(site, "weight 0", "weight 50")
        site.balancer.api.ask("set weight app/v1a 0; set weight app/v1b 0")
        driver = site.open()
        driver.ensure("v1", 1)

        driver.insist(all_to("v1"))

        assert site.balancer.shares == {"v1a": 100, "v1b": 100, "v2": 0}
        assert site.shares(40)["v2"] == 0
        assert driver.observe().routing == all_to("v1")


def test_a_server_of_another_model_that_is_gone(site: HaproxySite) -> None:
    """What is not there gets no request."""
    driver = up(site)
    driver.route(drawn(5000))
    reconfigured(site, f"    server v2 {site.addresses['v2']} weight 0", "    # ")

    driver.insist(all_to("v1"))

    assert site.balancer.shares == {"v1a": 256, "v1b": 256}
    with pytest.raises(RoutingRefused, match="has no server app/v2") as told:
        driver.route(drawn(1000))
    assert "as HAProxy's configuration does" in told.value.hint


def test_the_holders_of_a_cookie_are_evicted(site: HaproxySite) -> None:
    """A weight of 0 would go on serving them; after a reload, too."""
    driver = up(site)
    driver.route(drawn(5000))
    with_cookies(site)
    cookie = bound(site)
    assert answered(site, cookie)[0] == "v2"

    driver.insist(all_to("v1"))

    assert state_of(site, "v2") == (0, MAINTAINED, 0)
    assert {answered(site, cookie)[0] for _ in range(10)} <= {"v1a", "v1b"}
    site.balancer.reload()
    assert {answered(site, cookie)[0] for _ in range(10)} <= {"v1a", "v1b"}


def test_the_holders_of_a_cookie_stay_whatever_the_owner_does_but_maintenance(site: HaproxySite) -> None:
    """Neither a weight of 0 nor drain moves them, which is why mlship does more; a rollback after both does."""
    driver = up(site)
    driver.route(drawn(5000))
    with_cookies(site)
    cookie = bound(site)
    held: list[set[str]] = []
    for by_hand in ("set weight app/v2 0", "set server app/v2 state drain"):
        site.balancer.api.ask(by_hand)
        assert "v2" not in {answered(site)[0] for _ in range(20)}
        held.append({answered(site, cookie)[0] for _ in range(10)})
    assert held == [{"v2"}, {"v2"}]

    driver.insist(all_to("v1"))

    assert {answered(site, cookie)[0] for _ in range(10)} <= {"v1a", "v1b"}


def test_a_step_that_is_refused_parks_nobody(site: HaproxySite) -> None:
    """Undoing it leaves a backend with a cookie as its owner has it."""
    driver = up(site)
    with_cookies(site)

    with pytest.raises(RoutingRefused, match="keeps users by cookie SRV"):
        driver.route(drawn(1000))

    assert state_of(site, "v2")[1:] == (0, 0)


def test_a_later_rollout_takes_up_again_what_was_parked(site: HaproxySite) -> None:
    """Once the cookie is gone; what the owner has put into maintenance stays there."""
    driver = up(site)
    driver.route(drawn(5000))
    with_cookies(site)
    driver.insist(all_to("v1"))
    reconfigured(site, COOKIE, ROUNDROBIN)
    assert state_of(site, "v2")[1:] == (MAINTAINED, 0)
    site.balancer.api.ask("set server app/v1b state maint")

    driver.ensure("v2", 1)
    driver.route(drawn(5000))

    assert state_of(site, "v2")[1:] == (0, 256)
    assert state_of(site, "v1b")[1:] == (MAINTAINED, 128)
    assert site.shares(60)["v2"] > 0


def test_what_was_parked_is_asked_for_its_health(site: HaproxySite) -> None:
    """HAProxy does not check a server in maintenance: one that is dead must get no request when it is taken up."""
    driver = up(site)
    driver.route(drawn(5000))
    with_cookies(site)
    driver.insist(all_to("v1"))
    assert driver.observe().models["v2"].ready == 1

    site.stop("v2")

    assert driver.observe().models["v2"].ready == 0


def test_maintenance_of_the_owner_with_weight_0_stays(site: HaproxySite) -> None:
    """Only what mlship has parked is mlship's to take up."""
    driver = up(site)
    site.balancer.api.ask("set server app/v2 state maint")

    driver.insist(drawn(5000))

    assert state_of(site, "v2")[1:] == (MAINTAINED, 256)


def test_a_dead_node_comes_back_with_what_was_parked_taken_up() -> None:
    """A way back to a model whose servers are parked changes the state file, too."""
    with weighing() as site:
        driver = up(site)
        driver.route(drawn(5000))
        with_cookies(site)
        driver.insist(all_to("v1"))
        site.balancer.kill()

        with pytest.raises(OutOfReach, match="does not answer"):
            driver.insist(all_to("v2"))

        site.balancer.start()
        until(lambda: state_of(site, "v2")[1:] == (0, 256))
