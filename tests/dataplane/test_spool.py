"""The files of kept answers: rotated without a lost line, and never larger than they may be."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlship.dataplane.feedback import PATH
from mlship.dataplane.spool import Spool
from mlship.drivers.process import ProcessDriver
from mlship.plan.routing import Capture, all_to
from tests.support.site import CLOCK, Site, served, until
from tests.support.spool import kept, lines

KEEPING = replace(all_to("v1"), capture=Capture())


@pytest.mark.envoy
def test_rotation_loses_nothing(site: Site) -> None:
    """Under traffic, answers and outcomes of all requests are in one file each, whole."""
    driver = site.up(served("v1"))
    driver.route(KEEPING)

    def ask(number: int) -> None:
        assert site.ask(x_request_id=str(number)).status == 200
        assert site.ask(PATH, body=json.dumps({"request_id": str(number), "value": 1}).encode()).status == 204

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, number) for number in range(800)]
        while not all(future.done() for future in asked):
            driver.rotate()
            CLOCK.sleep(0.1)
    assert all(future.exception() is None for future in asked)

    names = sorted(str(number) for number in range(800))
    assert sorted(line["id"] for line in kept(site, 800)) == names
    assert sorted(line["id"] for line in lines(site, "feedback")) == names
    rotated = list(driver.captures().glob("*.*.jsonl"))
    assert len(rotated) > 2
    assert {file.stat().st_mode & 0o777 for file in driver.captures().iterdir()} == {0o600}


@pytest.mark.envoy
def test_rotation_without_a_router(site: Site) -> None:
    """What a router that died has left can be read; a reader that may change nothing else may rotate."""
    driver = site.up(served("v1"))
    driver.route(KEEPING)
    site.ask()
    kept(site, 1)
    site.kill(site.router_pid)
    site.open(None).rotate()

    assert [file.name.count(".") for file in driver.captures().glob("*.jsonl")] == [2]
    assert len(lines(site)) == 1


@pytest.mark.envoy
def test_a_full_spool(site: Site) -> None:
    """Where nobody reads, the spool stops growing and tells so; users have their answers. Once read, it goes on."""
    most = 2_000_000
    driver = site.up(served("v1"))
    small(driver, most)
    driver.route(KEEPING)
    spool = driver._place.spool
    sent = 0
    while driver.measure().models["v1"].unkept == 0 if sent else True:
        assert site.ask("/echo", body=bytes(60_000)).status == 200
        sent += 1
        assert sent < 200
    filler = json.dumps({"request_id": "x" * 100, "value": "y" * 60_000}).encode()
    statuses = [site.ask(PATH, body=filler).status for _ in range(10)]

    assert statuses == sorted(statuses)
    assert set(statuses) == {204, 503}
    assert size(spool) <= most
    driver.rotate()
    for file in [*spool.waiting(spool.predictions), *spool.waiting(spool.feedback)]:
        file.unlink()
    before = driver.measure().models["v1"].unkept
    until(lambda: site.ask().status == 200 and bool(lines(site)))
    assert driver.measure().models["v1"].unkept >= before
    assert site.ask(PATH, body=filler).status == 204


def small(driver: ProcessDriver, most: int) -> None:
    """Let the driver's router have so much space."""
    driver._router._settings = replace(driver._router._settings, spool=most)


def size(spool: Spool) -> int:
    return sum(file.stat().st_size for file in spool.folder.iterdir())


def test_what_waits_is_bounded(tmp_path: Path) -> None:
    """While enough waits to be read, the growing file keeps its name; numbers only grow."""
    spool = Spool(folder=tmp_path, most=8000)
    for now in (1.0, 0.5, 0.7):
        spool.predictions.write_bytes(bytes(1000))
        assert spool.rotate(now)
    assert [file.name for file in spool.waiting(spool.predictions)] == [
        "predictions.1000.jsonl",
        "predictions.1001.jsonl",
        "predictions.1002.jsonl",
    ]
    spool.predictions.write_bytes(bytes(1000))
    assert not spool.rotate(9.0)
    next(spool.waiting(spool.predictions)).unlink()
    assert spool.rotate(9.0)
    assert not spool.rotate(10.0)


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """A unit keeps its hash as long as the folder is there."""
    spool = Spool(folder=tmp_path / "captures")
    spool.prepare()
    key = spool.key.read_bytes()
    spool.prepare()

    assert (spool.key.read_bytes(), len(key), spool.key.stat().st_mode & 0o777) == (key, 8, 0o600)
