"""Numbers out of nginx's log: exact, over rotations, and never guessed."""

from __future__ import annotations

import os
import shutil
import signal

import pytest

from mlship.errors import OutOfReach
from mlship.metrics.counters import LATENCY_EDGES, Counters, Tally, difference
from tests.ports import free_port
from tests.support.balanced_site import drawn
from tests.support.nginx_site import NginxSite
from tests.support.site import until

pytestmark = pytest.mark.nginx


def grown(site: NginxSite, before: Counters, requests: int) -> dict[str, Tally]:
    """What is new, once so many requests are in the log: nginx writes a line after the answer."""

    def found() -> dict[str, Tally]:
        return dict(difference(before, site.open(None).measure()) or {})

    until(lambda: sum(tally.requests for tally in found().values()) >= requests)
    return found()


def test_counters_are_exact(site: NginxSite) -> None:
    """Every answer is counted, those of 500 as errors, and each has its latency."""
    site.stop("v2")
    site.serve("v2", ERRORS="0.3")
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    before = driver.measure()
    answers = [site.ask() for _ in range(300)]

    found = grown(site, before, 300)

    for model in ("v1", "v2"):
        mine = [answer.status for answer in answers if answer.model == model]
        assert (found[model].requests, found[model].errors) == (len(mine), sum(status >= 500 for status in mine))
        assert sum(found[model].latency) == len(mine)


def test_latency_is_the_servers(site: NginxSite) -> None:
    """A slow model is seen to be slow."""
    site.stop("v1")
    site.serve("v1", DELAY="0.06")
    driver = site.up("v1")
    before = driver.measure()
    site.shares(10)

    assert sum(grown(site, before, 10)["v1"].latency[LATENCY_EDGES.index(0.05) + 1 :]) == 10


def test_the_server_that_answered_counts(site: NginxSite) -> None:
    """Where nginx tried another one before, its log has both, with commas; the user's answer is what is counted."""
    address = site.addresses["v1"]
    site.balancer.edit(f"server {address};", f"server 127.0.0.1:{free_port()} max_fails=0; server {address};")
    site.balancer.reload()
    driver = site.up("v1")
    before = driver.measure()
    site.shares(20)

    found = grown(site, before, 20)["v1"]

    assert ", " in site.balancer.log.read_text()
    assert (found.requests, found.errors, sum(found.latency)) == (20, 0, 20)


def test_a_model_that_is_down_errs(site: NginxSite) -> None:
    """nginx's own 502 is an error of the model that it was for: users cannot tell them apart."""
    driver = site.up("v1", "v2")
    driver.route(drawn(10_000))
    before = driver.measure()
    site.stop("v2")
    assert {site.ask().status for _ in range(10)} == {502}

    found = grown(site, before, 10)["v2"]

    assert (found.requests, found.errors, sum(found.latency)) == (10, 10, 10)


def test_a_rotation_loses_nothing(site: NginxSite) -> None:
    """What is written before nginx has opened the new file is read under its new name."""
    log = site.balancer.log
    driver = site.up("v1")
    before = driver.measure()
    for _ in range(3):
        site.shares(10)
        log.rename(log.with_name("mlship.log.1"))
        site.shares(5)
        assert site.balancer.process
        os.kill(site.balancer.process.pid, signal.SIGUSR1)
        until(log.exists)
        site.shares(5)
        driver.measure()

    assert grown(site, before, 60)["v1"].requests == 60


@pytest.mark.parametrize("more", [0, 50])
def test_a_log_that_was_truncated_begins_a_new_life(site: NginxSite, more: int) -> None:
    """What was lost is not known, so nothing is made up: also where the file has grown beyond the old place since."""
    driver = site.up("v1")
    site.shares(10)
    before = driver.measure()
    shutil.copy(site.balancer.log, site.folder / "copy")
    os.truncate(site.balancer.log, 0)
    site.shares(more)

    after = driver.measure()

    assert difference(before, after) is None
    site.shares(10)
    assert grown(site, after, 10)["v1"].requests == 10


def test_a_log_that_went_away_begins_a_new_life(site: NginxSite) -> None:
    """Rotated and removed before anybody has read it."""
    driver = site.up("v1")
    before = driver.measure()
    site.balancer.log.unlink()
    assert site.balancer.process
    os.kill(site.balancer.process.pid, signal.SIGUSR1)
    until(site.balancer.log.exists)

    assert difference(before, driver.measure()) is None


def test_two_rotations_between_two_looks_begin_a_new_life(site: NginxSite) -> None:
    """A whole file was never read."""
    driver = site.up("v1")
    before = driver.measure()
    log = site.balancer.log
    assert site.balancer.process
    for number in (2, 1):
        site.shares(5)
        log.rename(log.with_name(f"mlship.log.{number}"))
        os.kill(site.balancer.process.pid, signal.SIGUSR1)
        until(log.exists)

    assert difference(before, driver.measure()) is None


def test_a_log_that_is_not_there(site: NginxSite) -> None:
    """No number is made up; which file was looked for is told."""
    site.settings = {"nodes": [{**site.balancer.told, "log": "/nowhere/mlship.log"}]}

    with pytest.raises(OutOfReach, match=r"/nowhere/mlship.log: No such file") as told:
        site.up("v1").measure()

    assert "access_log" in told.value.hint


def test_lines_of_others_do_not_count(site: NginxSite) -> None:
    """A line that is none of ours, or half of one, is passed over."""
    driver = site.up("v1")
    before = driver.measure()
    with site.balancer.log.open("a") as log:
        log.write('127.0.0.1 - - "GET /"\n{"m":"v1","s":"x","t":"-","r":"0.1"}\n[]\n{"m":"v1","s":"200","t":"0.1",')
    found = difference(before, driver.measure())
    with site.balancer.log.open("a") as log:
        log.write('"r":"0.1"}\n')

    assert found is not None
    assert found["v1"] == Tally()
    assert grown(site, before, 1)["v1"].requests == 1


def test_whoever_only_looks_writes_nothing(site: NginxSite) -> None:
    """It still sees all that has come."""
    driver = site.up("v1")
    before = driver.measure()
    folder = site.folder / "state" / "balancer" / "scorer"
    kept = {file: file.read_bytes() for file in folder.iterdir()}
    site.shares(10)

    assert grown(site, before, 10)["v1"].requests == 10
    assert {file: file.read_bytes() for file in folder.iterdir()} == kept
