"""Copies for challengers, by the locations that `init` prints, in a real nginx."""

from __future__ import annotations

import http.client
import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from msgspec.structs import replace

from mlship.drivers.balancer.driver import BalancerDriver
from mlship.errors import RoutingRefused
from mlship.metrics.counters import LATENCY_EDGES, Tally, difference
from mlship.plan.model import Model
from mlship.plan.pool import Pool
from mlship.plan.routing import Mirror, Routing, all_to
from tests.support.challenger import challenger
from tests.support.nginx_site import NginxSite, nginx_site
from tests.support.site import CLOCK, preview, split, until

pytestmark = pytest.mark.nginx


@contextmanager
def copying(*models: str, patience: str = "1s", **challenger: str) -> Iterator[NginxSite]:
    """An nginx that copies; `challenger` is how v2 misbehaves."""
    with nginx_site() as place:
        for name in models:
            asked = challenger if name == "v2" else {}
            place.serve(name, sick=False, **asked)
        place.balance(patience=patience)
        place.settings = {"mirror": True}
        yield place


@pytest.fixture
def site() -> Iterator[NginxSite]:
    """An nginx that copies, v1 to v3 behind it."""
    with copying("v1", "v2", "v3") as place:
        yield place


def copied(**shares: int) -> Routing:
    """v1 serves; challengers get copies of so many of 10 000 requests."""
    mirrors = tuple(Mirror(model=model, share=share) for model, share in shares.items())
    return replace(all_to("v1"), mirrors=mirrors)


def counted(driver: BalancerDriver, work: Callable[[], None]) -> dict[str, Tally]:
    """What is counted of the work, once no copy is under way any more."""
    before = driver.measure()
    work()
    seen = [driver.measure().models]

    def quiet() -> bool:
        CLOCK.sleep(0.3)
        seen.append(driver.measure().models)
        return seen[-1] == seen[-2]

    until(quiet)
    return dict(difference(before, driver.measure()) or {})


def all_from_v1(site: NginxSite, requests: int) -> None:
    assert site.shares(requests) == {"v1": requests}


def test_each_challenger_gets_its_share(site: NginxSite) -> None:
    """Within four standard deviations, each by itself; users are answered and counted on the live model alone."""
    driver = site.up("v1", "v2", "v3")
    driver.route(copied(v2=5000, v3=2000))

    seen = counted(driver, lambda: all_from_v1(site, 600))

    assert seen["v1"].requests == 600
    assert abs(seen["v2"].requests - 300) <= 4 * (600 * 0.5 * 0.5) ** 0.5
    assert abs(seen["v3"].requests - 120) <= 4 * (600 * 0.2 * 0.8) ** 0.5
    assert (seen["v2"].errors, seen["v3"].errors) == (0, 0)


def test_both_are_timed_alike(site: NginxSite) -> None:
    """nginx reads no body of a challenger: beside copies the live model is timed until its answer begins, too."""
    driver = site.up("v1", "v2")
    driver.route(copied(v2=10_000))

    counted(driver, lambda: waiting_for(site, driver, 5))

    lines = [json.loads(line) for line in site.balancer.log.read_text("utf-8").splitlines()]
    assert Counter((line["m"], float(line["h"]) >= 0) for line in lines) == {("v1", True): 5, ("v2", True): 5}


def test_a_challenger_that_is_gone_costs_no_user_anything(site: NginxSite) -> None:
    """Its copies fail and are counted against it alone."""
    driver = site.up("v1", "v2")
    driver.route(copied(v2=10_000))
    site.stop("v2")

    seen = counted(driver, lambda: all_from_v1(site, 50))

    assert (seen["v1"].requests, seen["v1"].errors) == (50, 0)
    assert (seen["v2"].requests, seen["v2"].errors) == (50, 50)


def test_a_challenger_that_errs_is_none_of_the_users() -> None:
    """Each of its answers is a 500: all of them count against it, and no user meets one."""
    with copying("v1", "v2", ERRORS="1") as site:
        driver = site.up("v1", "v2")
        driver.route(copied(v2=10_000))

        seen = counted(driver, lambda: all_from_v1(site, 200))

        assert (seen["v1"].requests, seen["v1"].errors) == (200, 0)
        assert (seen["v2"].requests, seen["v2"].errors) == (200, 200)


def test_a_challenger_that_hangs_holds_up_a_connection_no_longer_than_it_may() -> None:
    """Each next request of a connection is answered once the copy before has run into its limit, which is its error."""
    with copying("v1", "v2", HANG="1") as site:
        driver = site.up("v1", "v2")
        driver.route(copied(v2=10_000))

        # A connection of `shares` gives up after ten seconds; nginx by itself would wait for sixty.
        seen = counted(driver, lambda: waiting_for(site, driver, 3))

    assert (seen["v1"].requests, seen["v1"].errors) == (3, 0)
    assert (seen["v2"].requests, seen["v2"].errors) == (3, 3)


def waiting_for(site: NginxSite, driver: BalancerDriver, copies: int) -> None:
    """So many requests over one connection, and until their copies have ended."""
    before = driver.measure().models["v2"].requests
    all_from_v1(site, copies)
    until(lambda: driver.measure().models["v2"].requests == before + copies)


def test_a_connection_of_its_own_waits_for_no_copy() -> None:
    """Users are answered while all copies still hang."""
    with copying("v1", "v2", patience="10m", HANG="1") as site:
        driver = site.up("v1", "v2")
        driver.route(copied(v2=10_000))

        assert [site.ask().model for _ in range(5)] == ["v1"] * 5
        assert "v2" not in driver.measure().models or not driver.measure().models["v2"].requests


def test_a_user_who_has_gone_is_no_error_of_the_challenger() -> None:
    """The copy goes on: it is counted once it is answered, with its time."""
    with copying("v1", "v2", DELAY="0.5") as site:
        driver = site.up("v1", "v2")
        driver.route(copied(v2=10_000))

        seen = counted(driver, lambda: waiting_for(site, driver, 1))

    assert (seen["v1"].requests, seen["v2"].requests, seen["v2"].errors) == (1, 1, 0)
    assert sum(seen["v2"].latency[bisect_left(LATENCY_EDGES, 0.4) :]) == 1


def test_a_copy_is_the_request_without_its_user() -> None:
    """Method, path and body are whole, also of a large one; who asked stays behind."""
    with copying("v1") as site, challenger() as recorder:
        address = recorder.address
        site.models["v2"] = Model(name="v2", pool=Pool(servers=(address,), backend="recorder"))
        site.balancer.edit("upstream v1 {", f"upstream recorder {{ server {address}; }}\nupstream v1 {{")
        site.balancer.reload()
        driver = site.up("v1", "v2")
        driver.route(copied(v2=10_000))
        body = b"x" * 200_000

        status = post(site, "/predict/this?deep=1", body, cookie="a=b", authorization="Basic eA==", x_kept="yes")
        until(lambda: len(recorder.copies) == 1)

    ((path, headers, read),) = recorder.copies
    assert (status, path, read) == (200, "/predict/this?deep=1", body)
    assert (headers.get("x-mlship-shadow"), headers.get("x-kept")) == ("1", "yes")
    assert not {"cookie", "authorization"} & set(headers)


def post(site: NginxSite, path: str, body: bytes, **headers: str) -> int:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(http.client.HTTPConnection("127.0.0.1", site.balancer.port, timeout=10)) as connection:
        connection.request("POST", path, body=body, headers=sent)
        response = connection.getresponse()
        response.read()
        return response.status


def test_nobody_reaches_a_challenger_from_outside(site: NginxSite) -> None:
    """The locations of copies are nginx's own."""
    driver = site.up("v1", "v2")
    driver.route(copied(v2=10_000))

    assert site.ask("/_mlship/scorer/copy/1").status == 404


def test_a_configuration_without_the_lines_is_refused() -> None:
    """Before anything is loaded, naming what is missing; doctor says it before that."""
    with nginx_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance()
        site.settings = {"mirror": True}
        driver = site.up("v1", "v2")
        before = site.balancer.include.read_text(), site.balancer.entry

        (trouble,) = driver.troubles(fence=1, held=False)
        with pytest.raises(RoutingRefused, match="copies no requests to /_mlship/scorer/copy/1"):
            driver.route(copied(v2=5000))

        assert (trouble.mark, "copies no requests to /_mlship/scorer/copy/1" in trouble.message) == ("FAIL", True)
        assert (site.balancer.include.read_text(), site.balancer.entry) == before


def test_a_sound_one_has_no_troubles(site: NginxSite) -> None:
    """The lines as they are printed are found."""
    site.up("v1", "v2", "v3").route(copied(v2=10_000))

    assert list(site.open(None).troubles(fence=1, held=False)) == []


@pytest.mark.parametrize(
    ("routing", "words"),
    [
        (copied(v2=1, v3=1, v4=1), "at most 2 challengers"),
        (replace(split(1000), mirrors=copied(v2=1).mirrors), "would copy the candidate's requests"),
        (replace(copied(v2=1), rules=preview("v2")), "would copy the candidate's requests"),
    ],
)
def test_what_the_lines_cannot_hold_is_refused(site: NginxSite, routing: Routing, words: str) -> None:
    """No split is touched."""
    driver = site.up("v1", "v2")

    with pytest.raises(RoutingRefused, match=words):
        driver.route(routing)

    assert site.balancer.entry == "v1:10000"
