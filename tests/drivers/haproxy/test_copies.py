"""Copies for challengers, by the script that `init` prints, in a real HAProxy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from mlship.drivers.balancer.haproxy.stat import backend, table_of
from mlship.errors import RoutingRefused
from mlship.plan.routing import Mirror, all_to
from tests.support.balanced_copies import all_from_v1, counted, post
from tests.support.challenger import challenger
from tests.support.haproxy_site import HaproxySite, haproxy_site
from tests.support.site import until

pytestmark = pytest.mark.haproxy
HALF = replace(all_to("v1"), mirrors=(Mirror(model="v2", share=5000),))

UNDER_WAY = 64
"""Copies at once, as the documentation has it."""


@pytest.fixture
def site() -> Iterator[HaproxySite]:
    """An HAProxy with the script, v1 and v2 behind it."""
    with haproxy_site() as place:
        for name in ("v1", "v2"):
            place.serve(name)
        place.balance(copies=True)
        place.settings = {"mirror": True}
        yield place


def most_at_once(site: HaproxySite) -> int:
    """Copies that the challenger had at the same time."""
    row = backend(table_of(site.balancer.api), "v2")
    assert row is not None
    return int(row["smax"])


def test_half_of_the_requests_are_copied(site: HaproxySite) -> None:
    """The challenger gets its share within four standard deviations; users are answered by the live model alone."""
    driver = site.up("v1", "v2")
    driver.route(HALF)

    seen = counted(driver, lambda: all_from_v1(site, 600))

    assert seen["v1"].requests == 600
    assert abs(seen["v2"].requests - 300) <= 4 * (600 * 0.25) ** 0.5


def test_a_body_is_copied_whole_and_a_large_one_not_at_all(site: HaproxySite) -> None:
    """A challenger never gets half of a body."""
    driver = site.up("v1", "v2")
    driver.route(replace(HALF, mirrors=(Mirror(model="v2", share=10_000),)))

    small = counted(driver, lambda: post(site, b"x" * 2000))
    large = counted(driver, lambda: post(site, b"x" * 200_000))

    assert (small["v1"].requests, small["v2"].requests) == (1, 1)
    assert (large["v1"].requests, large["v2"].requests) == (1, 0)


def test_a_copy_is_the_request_without_its_user(site: HaproxySite) -> None:
    """Path and body are whole, other headers too; cookies and authorization stay behind."""
    site.stop("v2")
    with challenger(site.addresses["v2"]) as recorder:
        driver = site.up("v1", "v2")
        driver.route(replace(HALF, mirrors=(Mirror(model="v2", share=10_000),)))
        site.ask(cookie="session=1", authorization="Bearer x", x_user_id="u1")
        until(lambda: len(recorder.copies) == 1)
        post(site, b"x" * 2000, "/predict/this?deep=1")
        until(lambda: len(recorder.copies) == 2)

    first, second = recorder.copies
    assert first.headers["x-user-id"] == "u1"
    assert not {"cookie", "authorization"} & set(first.headers)
    assert (second.path, second.body) == ("/predict/this?deep=1", b"x" * 2000)


def test_a_challenger_that_only_errs_is_seen_by_no_user(site: HaproxySite) -> None:
    """Each copy is an error of the challenger's; users get the live model's answers, and none of them counts as one."""
    site.stop("v2")
    site.serve("v2", ERRORS="1")
    driver = site.up("v1", "v2")
    driver.route(replace(HALF, mirrors=(Mirror(model="v2", share=10_000),)))

    seen = counted(driver, lambda: all_from_v1(site, 200))

    assert (seen["v1"].requests, seen["v1"].errors) == (200, 0)
    assert seen["v2"].errors == seen["v2"].requests > 100


def test_a_challenger_that_is_gone_costs_no_user_anything(site: HaproxySite) -> None:
    """What still reaches it fails, and is counted against it alone; once HAProxy holds it for down, that is told."""
    driver = site.up("v1", "v2")
    driver.route(replace(HALF, mirrors=(Mirror(model="v2", share=10_000),)))
    site.stop("v2")

    seen = counted(driver, lambda: all_from_v1(site, 50))

    assert (seen["v1"].requests, seen["v1"].errors) == (50, 0)
    assert seen["v2"].errors == seen["v2"].requests
    until(lambda: not driver.observe().models["v2"].ready)


def test_a_challenger_that_hangs_holds_so_many_copies_and_no_more(site: HaproxySite) -> None:
    """Whatever is beyond them is dropped: they cost memory, and would grow with every request of the users."""
    driver = site.up("v1", "v2")
    site.stop("v2")
    until(lambda: not driver.observe().models["v2"].ready)
    site.serve("v2", HANG="1")
    until(lambda: driver.observe().models["v2"].ready == 1)
    driver.route(replace(HALF, mirrors=(Mirror(model="v2", share=10_000),)))

    def full() -> bool:
        """More than one try: on a busy machine the first copies may be given up before the last are sent."""
        all_from_v1(site, UNDER_WAY)
        return most_at_once(site) == UNDER_WAY

    until(full)
    all_from_v1(site, 2 * UNDER_WAY)
    assert most_at_once(site) == UNDER_WAY


def test_a_configuration_without_the_script_is_refused() -> None:
    """Before the split is touched, and naming what is missing."""
    with haproxy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance()
        site.settings = {"mirror": True}
        driver = site.up("v1", "v2")
        before = site.balancer.entry

        with pytest.raises(RoutingRefused, match="no frontend mlship-copies"):
            driver.route(HALF)

        assert site.balancer.entry == before
