"""Answers of three challengers under load: every sampled pair is joined, and the counts are exact."""

from __future__ import annotations

import re
import subprocess
from math import sqrt
from pathlib import Path

import pytest

from mlship.drivers.process import ProcessDriver
from mlship.metrics.answers import Answers, Pairs
from mlship.plan.model import CaptureSettings
from mlship.plan.routing import WHOLE, Capture, Mirror, Routing
from mlship.predictions.source import CapturedAnswers
from mlship.predictions.store import Predictions
from tests.engines import need
from tests.support.instant import instant
from tests.support.site import CLOCK, Site, until

pytestmark = [pytest.mark.envoy, pytest.mark.load]

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
    try:
        driver.route(shadowed())
        assert send(site) == {"200": REQUESTS}
        copies = {model: driver.measure().models[model].requests for model in SHARES}
        found = joined(driver, site, copies)
    finally:
        driver.shutdown()

    assert copies["v2"] == REQUESTS
    for model, share in SHARES.items():
        expected = REQUESTS * share / WHOLE
        assert abs(copies[model] - expected) <= 4 * sqrt(expected)
        assert (found[model].pairs, found[model].unpaired) == (copies[model], 0)
        assert found[model].agreed == (0 if model == "v3" else copies[model])


def joined(driver: ProcessDriver, site: Site, copies: dict[str, int]) -> dict[str, Pairs]:
    """The pairs of each challenger, once as many are there as copies were answered."""
    source = CapturedAnswers(Predictions(site.state / "predictions", CaptureSettings(), CLOCK), driver)
    sums = {model: Pairs() for model in SHARES}

    def all_there() -> bool:
        answers, mark = source.look("v1", SHARES, 0.0)
        for model in SHARES:
            sums[model] = plus(sums[model], answers.get(model, Answers()).total)
        source.settle(mark)
        return all(sums[model].pairs >= copies[model] for model in SHARES)

    until(all_there)
    return sums
