"""Answers of three challengers under load: every sampled pair is joined, and the counts are exact."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from math import sqrt
from pathlib import Path

import pytest

from mlship.drivers.process import ProcessDriver
from mlship.metrics.answers import Answers, Pairs
from mlship.metrics.counters import Tally
from mlship.plan.model import CaptureSettings
from mlship.plan.routing import WHOLE, Capture, Mirror, Routing
from mlship.predictions.source import CapturedAnswers
from mlship.predictions.store import Predictions
from tests.engines import need
from tests.support.instant import instant
from tests.support.site import CLOCK, Site, served, until

pytestmark = [pytest.mark.envoy, pytest.mark.load, pytest.mark.alone, pytest.mark.timeout(900)]

REQUESTS = 50_000
WORKERS = 10
EACH = 150
"""Requests per second and worker."""
SHARES = {"v2": WHOLE, "v3": 2000, "v4": 500}
DISAGREES = '{"outputs": [{"data": [2]}]}'


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(state=tmp_path)


def shadowed() -> Routing:
    mirrors = tuple(Mirror(model=model, share=share) for model, share in SHARES.items())
    return Routing(segments=(("v1", WHOLE),), mirrors=mirrors, capture=Capture())


def send(site: Site) -> dict[str, int]:
    """Status code → answers that users got."""
    words = ["hey", "-n", str(REQUESTS), "-c", str(WORKERS), "-q", str(EACH), f"http://127.0.0.1:{site.port}/predict"]
    told = subprocess.run(words, check=True, capture_output=True, text=True, timeout=300).stdout
    assert "Error distribution" not in told, told
    return {code: int(count) for code, count in re.findall(r"\[(\d+)\]\s+(\d+) responses", told)}


def plus(one: Pairs, other: Pairs) -> Pairs:
    return Pairs(
        pairs=one.pairs + other.pairs, agreed=one.agreed + other.agreed, unpaired=one.unpaired + other.unpaired
    )


def test_every_pair_is_joined(site: Site) -> None:
    """50 000 requests, copies of all, a fifth and a twentieth: as many pairs as copies, each agreement right."""
    need("hey")
    driver = site.up(instant("v1"), instant("v2"), instant("v3", DISAGREES), instant("v4"))
    found, tallies = loaded(driver, site)

    for model, share in SHARES.items():
        answered, dropped = tallies[model].requests, tallies[model].dropped
        assert is_share(answered + dropped, share)
        assert found[model].pairs == answered
        assert found[model].unpaired <= dropped
        assert found[model].agreed == (0 if model == "v3" else answered)


def test_lame_challengers_cost_no_pair(site: Site) -> None:
    """The same while one challenger hangs and one is dead: the third has its pairs, and each copy is accounted for."""
    need("hey")
    driver = site.up(instant("v1"), instant("v2"), served("v3", hang=1, timeout=2.0), served("v4", die_after=1))
    found, tallies = loaded(driver, site)

    assert found["v2"].pairs == tallies["v2"].requests
    for model, share in SHARES.items():
        assert is_share(tallies[model].requests + tallies[model].dropped, share)
    for model in ("v3", "v4"):
        assert found[model].pairs <= 1
        assert found[model].pairs + found[model].unpaired == tallies[model].requests
    assert tallies["v3"].dropped > 0


def loaded(driver: ProcessDriver, site: Site) -> tuple[dict[str, Pairs], Mapping[str, Tally]]:
    """What became of the copies, of which users noticed nothing."""
    try:
        driver.route(shadowed())
        assert send(site) == {"200": REQUESTS}
        return joined(driver, site), driver.measure().models
    finally:
        driver.shutdown()


def is_share(copies: int, share: int) -> bool:
    """All of the requests, or about the share that was asked for."""
    expected = REQUESTS * share / WHOLE
    return copies == expected if share == WHOLE else abs(copies - expected) <= 4 * sqrt(expected)


def joined(driver: ProcessDriver, site: Site) -> dict[str, Pairs]:
    """The sums of each challenger, once as many answers are there as copies were answered."""
    source = CapturedAnswers(Predictions(site.state / "predictions", CaptureSettings(), CLOCK), driver)
    sums = {model: Pairs() for model in SHARES}

    def all_there() -> bool:
        answers, mark = source.look("v1", SHARES, 0.0)
        for model in SHARES:
            sums[model] = plus(sums[model], answers.get(model, Answers()).total)
        source.settle(mark)
        counted = driver.measure().models
        return all(sums[model].pairs + sums[model].unpaired >= counted[model].requests for model in SHARES)

    until(all_there, patience=90)
    return sums
