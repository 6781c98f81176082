"""Rollouts under the load of `hey`: no request fails, slow ones finish, the shares are those asked for."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import sqrt

import pytest

from mlship.drivers.process import ProcessDriver
from mlship.metrics.counters import Tally, difference
from mlship.plan.routing import all_to
from tests.engines import need
from tests.support.site import CLOCK, EVERYWHERE, Site, served, split, until

pytestmark = [pytest.mark.envoy, pytest.mark.load, pytest.mark.alone]

RATE = 600
WORKERS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `hey` saw."""

    statuses: dict[str, int]
    errors: bool


@contextmanager
def load(site: Site, seconds: int) -> Iterator[list[Report]]:
    """About 600 requests per second in the background for so many seconds; the report is there at the end."""
    need("hey")
    words = ["hey", "-z", f"{seconds}s", "-c", str(WORKERS), "-q", str(RATE // WORKERS), "-t", "30"]
    hey = subprocess.Popen([*words, f"http://127.0.0.1:{site.port}/predict"], stdout=subprocess.PIPE, text=True)
    reports: list[Report] = []
    try:
        yield reports
        told, _ = hey.communicate(timeout=seconds + 60)
        statuses = {code: int(count) for code, count in re.findall(r"\[(\d+)\]\s+(\d+) responses", told)}
        reports.append(Report(statuses=statuses, errors="Error distribution" in told))
    finally:
        hey.kill()
        hey.wait()


def judge(driver: ProcessDriver, share: float, requests: int) -> None:
    """Over the next requests the candidate's share is within four sigma of the one asked for."""
    before = driver.measure()

    def grown() -> dict[str, Tally]:
        return dict(difference(before, driver.measure()) or {})

    until(lambda: sum(tally.requests for tally in grown().values()) >= requests)
    tallies = grown()
    total = sum(tally.requests for tally in tallies.values())
    candidate = tallies.get("v2", Tally()).requests
    # A request that was drawn under the routing before may still end in this interval: one per connection.
    slack = WORKERS + 4 * sqrt(total * share * (1 - share))
    assert abs(candidate - total * share) <= slack, (candidate, total, share)


def test_canary_up_and_back_twice(site: Site) -> None:
    """1, 5, 25, 50, 100 %, back to 0, up again and back from half-way: 0 failed requests, users are only added."""
    driver = site.up(served("v1"), served("v2"))
    seen: set[str] = set()
    with load(site, 16) as reports:
        for weight in (100, 500, 2500, 5000, 10_000):
            driver.route(split(weight, assign_by=None))
            judge(driver, weight / 10_000, 500)
        driver.route(split(0, assign_by=None))
        judge(driver, 0.0, 200)
        for weight in (100, 2500, 5000):
            driver.route(split(weight))
            now = {user for user, arm in site.arms(100).items() if arm == "v2"}
            assert seen <= now
            seen = now
        driver.route(all_to("v1"))
    (report,) = reports

    assert (set(report.statuses), report.errors) == ({"200"}, False)
    assert report.statuses["200"] >= 16 * 500


def test_slow_requests_survive_everything(site: Site) -> None:
    """Ten requests under way finish while their model loses its traffic and is retired, under load."""
    driver = site.up(served("v1"), served("v2"))
    driver.route(split(9999))
    with load(site, 6) as reports, site.slow_requests(10, 2.0) as statuses:
        until(lambda: driver._router.active("v2", EVERYWHERE) >= 10)
        driver.route(all_to("v1"))
        driver.retire("v2")
        assert statuses() == [200] * 10
    (report,) = reports

    assert (set(report.statuses), report.errors) == ({"200"}, False)
    assert set(driver.observe().models) == {"v1"}


def test_replicas_up_and_down(site: Site) -> None:
    """Replicas come and go under load, one by one and all at once by a changed command: 0 failed requests."""
    driver = site.up(served("v1"))
    with load(site, 12) as reports:
        for number in (3, 2, 1):
            driver.ensure("v1", number)
        site.models["v1"] = served("v1", delay=0.001)
        site.open(2).ensure("v1", 2)
    (report,) = reports

    assert (set(report.statuses), report.errors) == ({"200"}, False)
    assert len(site.pids("v1")) == 2


def test_a_candidate_that_dies_under_load(site: Site) -> None:
    """The death of a candidate costs at most what was on its connections at that moment."""
    driver = site.up(served("v1"), served("v2", delay=0.005))
    driver.route(split(5000, assign_by=None))
    with load(site, 5) as reports:
        judge(driver, 0.5, 500)
        site.kill(site.pids("v2")[0])
        before = driver.measure()
        until(lambda: driver.measure().models["v2"].errors > before.models["v2"].errors + 100)
        driver.route(all_to("v1"))
    (report,) = reports

    assert sum(count for code, count in report.statuses.items() if code != "200") <= 2 * WORKERS
    assert not report.errors


@pytest.mark.parametrize("count", [3000])
def test_no_limit_bites(site: Site, count: int) -> None:
    """Three thousand slow requests at the same time are all answered: far above Envoy's own limits of 1 024."""
    site.up(served("v1"))
    need("hey")
    words = ["hey", "-n", str(count), "-c", str(count), "-t", "90", "-H", "x-delay: 3"]
    told = subprocess.run(
        [*words, f"http://127.0.0.1:{site.port}/predict"], capture_output=True, text=True, timeout=200, check=True
    ).stdout

    assert re.findall(r"\[(\d+)\]\s+(\d+) responses", told) == [("200", str(count))], told[-800:]


def test_requests_under_way_finish_at_shutdown(site: Site) -> None:
    """Ten requests under way finish when the service is shut down; then nothing listens any more."""
    driver = site.up(served("v1"))
    with site.slow_requests(10, 2.0) as statuses, ThreadPoolExecutor(1) as pool:
        until(lambda: driver._router.active("v1", EVERYWHERE) == 10)
        ended = pool.submit(driver.shutdown)
        assert statuses() == [200] * 10
        ended.result(60)

    with pytest.raises(ConnectionRefusedError):
        site.ask()
    assert driver.observe().models == {}


def test_killing_the_router_is_mended(site: Site) -> None:
    """After SIGKILL the next `route` brings the router back, with the same routing and the same users."""
    driver = site.up(served("v1"), served("v2"))
    driver.route(split(5000))
    before = site.arms(100)
    began = CLOCK.now()
    site.kill(site.router_pid)
    assert driver.observe().router is False
    driver.route(split(5000))

    assert site.arms(100) == before
    assert driver.observe().routing == split(5000)
    assert driver.measure().at >= began
