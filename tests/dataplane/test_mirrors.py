"""Copies for challengers: in the shares asked for, in the same form as live answers, and nobody waits for them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from math import sqrt

import pytest
from msgspec.structs import replace

from mlship.dataplane.shadows import AT_ONCE, LARGEST
from mlship.drivers.process import ProcessDriver
from mlship.errors import RoutingRefused, UsageError
from mlship.metrics.counters import Tally
from mlship.plan.model import Model
from mlship.plan.routing import Capture, Mirror, Routing, all_to
from tests.support.site import Site, preview, served, split, until
from tests.support.spool import answer, kept

pytestmark = pytest.mark.envoy

USER_WAITS = 5.0
"""Seconds after which a user gives up: less than what a challenger gets."""


def mirrored(*challengers: str, share: int = 10_000, capture: Capture | None = None) -> Routing:
    mirrors = tuple(Mirror(model=name, share=share) for name in challengers)
    return replace(all_to("v1"), mirrors=mirrors, capture=capture, assign_by="x-user")


def counted(driver: ProcessDriver, model: str) -> Tally:
    return driver.measure().models.get(model, Tally())


def arrive(driver: ProcessDriver, model: str, count: int) -> None:
    until(lambda: counted(driver, model).requests >= count)


def test_both_sides_are_kept(site: Site) -> None:
    """Each request has a line of the live model and one of each challenger, joined by its id; users see the former."""
    driver = site.up(served("v1"), served("v2"), served("v3"))
    driver.route(mirrored("v2", "v3", capture=Capture(request=True, headers=("x-user",))))
    asked = [site.ask(body=b"[1]", x_user=f"u{number}", cookie="mlship_uid=x") for number in range(30)]
    found = kept(site, 90)

    assert {got.model for got in asked} == {"v1"}
    for got in asked:
        mine = {line["model"]: line for line in found if line["id"] == got.headers["x-request-id"]}
        assert {name: line["role"] for name, line in mine.items()} == {"v1": "live", "v2": "shadow", "v3": "shadow"}
        assert {line["status"] for line in mine.values()} == {200}
        assert len({line["unit"] for line in mine.values()}) == 1
        assert {line["request"] for line in mine.values()} == {"WzFd"}
        assert len({line["headers"]["x-user"] for line in mine.values()}) == 1
        assert b'"model": "v3"' in answer(mine["v3"])


def test_a_copy_carries_no_credentials(site: Site) -> None:
    """Cookies, authorization and the router's own notes stay behind; everything else is as the user sent it."""
    driver = site.up(served("v1"), served("v2"))
    driver.route(mirrored("v2", capture=Capture()))
    got = site.ask("/predict?a=b", body=b"x" * 1000, cookie="c=d", authorization="e", x_seen="yes", x_mlship_keep="no")
    line = next(line for line in kept(site, 2) if line["role"] == "shadow")

    for private in (b"cookie", b"authorization", b"x-mlship"):
        assert private not in answer(line)
    for public in (b'"length": 1000', b'"x-seen": "yes"', got.headers["x-request-id"].encode()):
        assert public in answer(line)


def test_a_sample_keeps_pairs(site: Site) -> None:
    """What is kept of the live model is kept of its challenger, and no more."""
    driver = site.up(served("v1"), served("v2"))
    driver.route(mirrored("v2", capture=Capture(sample=3000)))
    for number in range(300):
        assert site.ask(x_request_id=f"r{number}").status == 200
    arrive(driver, "v2", 300)
    driver.route(mirrored("v2", capture=Capture()))
    site.ask(x_request_id="last")
    until(lambda: sum(line["id"] == "last" for line in kept(site, 2)) == 2)
    ids = {role: {line["id"] for line in kept(site, 2) if line["role"] == role} for role in ("live", "shadow")}

    assert ids["live"] == ids["shadow"]
    assert 50 < len(ids["live"]) < 130


def test_shares(site: Site) -> None:
    """Each challenger gets its share of the requests; the live model's count is the users' alone."""
    driver = site.up(served("v1"), served("v2"), served("v3"), served("v4"))
    shares = {"v2": 10_000, "v3": 2000, "v4": 500}
    driver.route(replace(all_to("v1"), mirrors=tuple(Mirror(model=m, share=s) for m, s in shares.items())))
    for _ in range(1000):
        assert site.ask().status == 200
    arrive(driver, "v2", 1000)

    assert (counted(driver, "v1").requests, counted(driver, "v2").requests) == (1000, 1000)
    for model in ("v3", "v4"):
        expected = shares[model] / 10
        assert abs(counted(driver, model).requests - expected) < 5 * sqrt(expected)


def test_only_the_live_models_requests(site: Site) -> None:
    """What a candidate is asked, by its share or by a rule, is not copied."""
    driver = site.up(served("v1"), served("v2"), served("v3"))
    driver.route(split(5000, assign_by=None, rules=preview("v2"), mirrors=(Mirror(model="v3", share=5000),)))
    models = [site.ask().model for _ in range(400)]
    for _ in range(50):
        assert site.ask(x_preview="yes").model == "v2"
    expected = models.count("v1") / 2
    spread = 5 * sqrt(models.count("v1")) / 2
    arrive(driver, "v3", int(expected - spread))

    assert abs(counted(driver, "v3").requests - expected) < spread
    assert counted(driver, "v1").requests == models.count("v1")


TROUBLE: dict[str, Callable[[], Model]] = {
    "slow": lambda: served("v2", delay=5),
    "hanging": lambda: served("v2", hang=1, timeout=6.0),
    "failing": lambda: served("v2", errors=1.0),
    "dies": lambda: served("v2", die_after=10),
    "reads-nothing": lambda: served("v2", reads_nothing=1, timeout=6.0),
}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_users_do_not_notice(site: Site, trouble: str) -> None:
    """Whatever is wrong with a challenger, users have the live model's answer; each copy counts, or as dropped."""
    driver = site.up(served("v1"), TROUBLE[trouble]())
    driver.route(mirrored("v2", capture=Capture()))
    for number in range(200):
        got = site.ask(body=b"x" * 1000, timeout=USER_WAITS)
        assert (got.status, got.model) == (200, "v1"), number
    # Copies wait for one another, and each worker of the router has a queue of its own.
    until(lambda: counted(driver, "v2").requests + counted(driver, "v2").dropped == 200, patience=90)
    seen = counted(driver, "v2")

    if trouble in {"failing", "dies"}:
        assert (seen.dropped, seen.errors > 100) == (0, True)
    else:
        assert 200 - 4 * AT_ONCE <= seen.dropped <= 200 - AT_ONCE
    assert (counted(driver, "v1").requests, counted(driver, "v1").errors) == (200, 0)


def test_large_uploads(site: Site) -> None:
    """An upload that is copied fits on the way to a challenger that reads nothing; a larger one is not copied."""
    driver = site.up(served("v1"), served("v2", reads_nothing=1))
    driver.route(mirrored("v2"))
    for size, count in ((LARGEST, 10), (LARGEST + 1, 5)):
        for _ in range(count):
            assert site.ask(body=bytes(size), timeout=USER_WAITS).told["length"] == size
    arrive(driver, "v2", 10)

    assert (counted(driver, "v2").requests, counted(driver, "v2").dropped) == (10, 0)


def test_what_is_not_copied(site: Site) -> None:
    """Upgrades and bodies of unknown length go to the live model only."""
    driver = site.up(served("v1"), served("v2"))
    driver.route(mirrored("v2"))
    assert site.ask(connection="Upgrade", upgrade="websocket").status == 200
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
    connection.request("POST", "/predict", body=iter([b"a", b"b"]))
    assert connection.getresponse().status == 200
    connection.close()
    assert site.ask().status == 200
    arrive(driver, "v2", 1)

    assert (counted(driver, "v1").requests, counted(driver, "v2").requests) == (3, 1)


def test_shadows_end_with_their_routing(site: Site) -> None:
    """Back on the plain routing no request is copied or kept any more."""
    driver = site.up(served("v1"), served("v2"))
    driver.route(mirrored("v2", capture=Capture()))
    site.ask()
    kept(site, 2)
    with pytest.raises(UsageError, match="still gets traffic"):
        driver.retire("v2")
    driver.route(all_to("v1"))
    for _ in range(50):
        site.ask()
    driver.route(mirrored("v2", capture=Capture()))
    site.ask()

    assert len(kept(site, 4)) == 4
    assert (counted(driver, "v2").requests, counted(driver, "v1").requests) == (2, 52)


def test_mirrors_survive_the_router(site: Site) -> None:
    """A router that died comes back with its mirrors."""
    driver = site.up(served("v1"), served("v2"))
    driver.route(mirrored("v2", capture=Capture()))
    site.kill(site.router_pid)
    driver.route(mirrored("v2", capture=Capture()))
    site.ask()

    assert {line["role"] for line in kept(site, 2)} == {"live", "shadow"}
    assert driver.observe().routing == mirrored("v2", capture=Capture())


def test_an_older_router(site: Site) -> None:
    """A router that was started without an inner listener is led on as it is; mirrors it refuses with what to do."""
    driver = site.up(served("v1"), served("v2"))
    file = site.folder / "router" / "bootstrap.json"
    told = json.loads(file.read_text())
    del told["bootstrap_extensions"]
    file.write_text(json.dumps(told))
    driver.route(split(5000))
    with pytest.raises(RoutingRefused, match="older mlship"):
        driver.route(mirrored("v2"))
    listeners = json.loads((file.parent / "lds.json").read_text())["resources"]
    clusters = json.loads((file.parent / "cds.json").read_text())["resources"]

    assert [found["name"] for found in listeners] == ["main"]
    assert [found["name"] for found in clusters] == ["v1", "v2"]
    assert driver.observe().routing == split(5000)
    assert site.ask().status == 200
