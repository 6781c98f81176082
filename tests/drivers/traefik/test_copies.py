"""Copies for challengers, mirrored by a real Traefik."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mlship.drivers.balancer.traefik.copies import MOST_BYTES
from mlship.errors import RoutingRefused
from mlship.metrics.counters import Tally
from mlship.plan.routing import Mirror, Routing, all_to
from tests.support.balanced_copies import all_from_v1, counted, post
from tests.support.balanced_site import drawn
from tests.support.challenger import challenger
from tests.support.site import until
from tests.support.traefik_site import LIVE, TraefikSite

pytestmark = pytest.mark.traefik


def copied(share: int = 10_000) -> Routing:
    """Everything to v1, and such a share of it copied to v2."""
    return replace(all_to("v1"), mirrors=(Mirror(model="v2", share=share),))


def with_a_third(site: TraefikSite) -> TraefikSite:
    """The site, with v3 behind its Traefik, too."""
    site.serve("v3")
    site.balance()
    site.balancers.pop(0).kill()
    return site


def test_half_of_the_requests_are_copied(site: TraefikSite) -> None:
    """The challenger gets its share within four standard deviations; the live model's count is its users' alone."""
    driver = site.up("v1", "v2")
    driver.route(copied(5000))

    seen = counted(driver, lambda: all_from_v1(site, 600))

    assert (seen["v1"].requests, seen["v1"].errors) == (600, 0)
    assert abs(seen["v2"].requests - 300) <= 4 * (600 * 0.25) ** 0.5


def test_several_challengers_at_once(site: TraefikSite) -> None:
    """Each gets its own share and is counted by itself; Traefik tells of all of them."""
    driver = with_a_third(site).up("v1", "v2", "v3")
    routing = replace(all_to("v1"), mirrors=(Mirror(model="v2", share=10_000), Mirror(model="v3", share=2500)))
    driver.route(routing)

    seen = counted(driver, lambda: all_from_v1(site, 400))

    assert site.balancer.entry == f"{LIVE} copy:v2:10000 copy:v3:2500"
    assert site.open(None).observe().routing == routing
    assert seen["v2"].requests == 400
    assert abs(seen["v3"].requests - 100) <= 4 * (400 * 0.25 * 0.75) ** 0.5


def test_what_a_candidate_is_asked_is_not_copied(site: TraefikSite) -> None:
    """In a split the live model's requests alone are."""
    driver = with_a_third(site).up("v1", "v2", "v3")
    driver.route(replace(drawn(5000), mirrors=(Mirror(model="v3", share=10_000),)))

    seen = counted(driver, lambda: site.shares(200))

    assert {name: tally.requests for name, tally in seen.items()} == {"v1": 100, "v2": 100, "v3": 100}


def test_a_body_is_copied_whole_and_a_large_one_not_at_all(site: TraefikSite) -> None:
    """A challenger never gets half of a body, and a user's large one arrives."""
    driver = site.up("v1", "v2")
    driver.route(copied())
    large = b"x" * (MOST_BYTES + 1)

    small = counted(driver, lambda: post(site, b"x" * 200_000))
    beyond = counted(driver, lambda: post(site, large))

    assert (small["v1"].requests, small["v2"].requests) == (1, 1)
    assert (beyond["v1"].requests, beyond.get("v2", Tally()).requests) == (1, 0)
    assert post(site, large, "/echo") == large


def test_a_copy_is_the_request_without_its_user(site: TraefikSite) -> None:
    """Path and body are whole, other headers too; cookies and authorization stay behind."""
    site.stop("v2")
    with challenger(site.addresses["v2"]) as recorder:
        driver = site.up("v1", "v2")
        driver.route(copied())
        site.ask(cookie="session=1", authorization="Bearer x", x_user_id="u1")
        until(lambda: len(recorder.copies) == 1)
        post(site, b"x" * 200_000, "/predict/this?deep=1")
        until(lambda: len(recorder.copies) == 2)

    first, second = recorder.copies
    assert first.headers["x-user-id"] == "u1"
    assert not {"cookie", "authorization"} & set(first.headers)
    assert (second.path, second.body) == ("/predict/this?deep=1", b"x" * 200_000)


def test_a_challenger_that_is_gone_costs_no_user_anything(site: TraefikSite) -> None:
    """Its copies fail and are counted against it alone; the way back is open."""
    driver = site.up("v1", "v2")
    driver.route(copied())
    site.stop("v2")

    seen = counted(driver, lambda: all_from_v1(site, 50))

    assert (seen["v1"].requests, seen["v1"].errors) == (50, 0)
    assert seen["v2"].errors == seen["v2"].requests > 0
    driver.insist(all_to("v1"))
    assert site.balancer.entry == LIVE


def test_a_challenger_that_errs_is_none_of_the_users(site: TraefikSite) -> None:
    """Each of its answers is a 500: all of them count against it, and no user meets one."""
    site.stop("v2")
    site.serve("v2", ERRORS="1")
    driver = site.up("v1", "v2")
    driver.route(copied())

    seen = counted(driver, lambda: all_from_v1(site, 200))

    assert (seen["v1"].requests, seen["v1"].errors) == (200, 0)
    assert (seen["v2"].requests, seen["v2"].errors) == (200, 200)


def test_a_challenger_that_hangs_costs_no_user_anything(site: TraefikSite) -> None:
    """No user waits for an answer that never comes, on a connection that stays open either."""
    site.stop("v2")
    site.serve("v2", DELAY="600")
    driver = site.up("v1", "v2")
    driver.route(copied())

    seen = counted(driver, lambda: all_from_v1(site, 100))

    assert (seen["v1"].requests, seen["v1"].errors) == (100, 0)
    assert seen.get("v2", Tally()).requests == 0
    driver.insist(all_to("v1"))
    all_from_v1(site, 10)


@pytest.mark.parametrize(("share", "close"), [(50, "1%"), (1250, "12% or 13%"), (9999, "99% or 100%")])
def test_shares_of_a_percent_are_refused(site: TraefikSite, share: int, close: str) -> None:
    """Traefik would take them for others; nothing is changed, and the nearest that can be are told."""
    driver = site.up("v1", "v2")

    with pytest.raises(RoutingRefused, match="copies whole percents") as told:
        driver.route(copied(share))

    assert told.value.hint == f"the nearest: {close}"
    assert site.balancer.entry == LIVE


def test_a_share_that_somebody_else_has_changed_stops_a_step(site: TraefikSite) -> None:
    """It is seen in what Traefik has loaded, both are told, and a rollback goes on."""
    driver = site.up("v1", "v2")
    driver.route(copied(5000))
    edited = site.balancer.file.read_text("utf-8").replace('"percent": 50', '"percent": 90')
    site.balancer.file.write_text(edited, "utf-8")
    until(lambda: site.balancer.entry == f"{LIVE} copy:v2:9000")

    with pytest.raises(RoutingRefused, match=r"copies to v2 90%.*copies to v2 50%"):
        driver.route(drawn(1000))

    driver.insist(all_to("v1"))
    assert site.balancer.entry == LIVE
