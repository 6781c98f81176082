"""Each shipped plan, carried out by the real command line under traffic."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mlship.clock import SystemClock
from mlship.demo.traffic import Load, Traffic
from mlship.demo.training import infer_bodies
from tests.e2e.site import Site
from tests.engines import need

pytestmark = pytest.mark.envoy

PLANS = sorted((Path(__file__).parents[2] / "plans").glob("*.yaml"))
SHORTER = {"hold": "1s", "requests": 3, "bake": "1s"}
RATE = 150.0
LONGEST = 170.0
"""Seconds of traffic at most; the command is given up sooner."""


@pytest.fixture
def site(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A place where `python` is this one, and where the models are trained once for all plans."""
    need("envoy")
    need("sklearn")
    place = Site(tmp_path)
    place.environment |= {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "XDG_CACHE_HOME": str(tmp_path_factory.getbasetemp() / "cache"),
    }
    try:
        yield place
    finally:
        place.clear()


def hurried(shipped: Path, site: Site) -> Path:
    """The shipped plan on the site's port, with shorter waits. Lists replace, so the stages are all here."""
    stages = yaml.safe_load(shipped.read_text("utf-8"))["stages"]
    overlay = {
        "extends": str(shipped),
        "driver": {"process": {"listen": f"127.0.0.1:{site.port}"}},
        "stages": [stage | {key: SHORTER[key] for key in stage.keys() & SHORTER} for stage in stages],
        "look-every": "300ms",
        "warmup": "500ms",
        "bake": "1s",
    }
    file = site.folder / "plan.yaml"
    file.write_text(json.dumps(overlay), "utf-8")
    return file


@pytest.mark.parametrize("shipped", PLANS, ids=lambda path: path.stem)
def test_a_shipped_plan_ends_promoted_with_no_failed_request(shipped: Path, site: Site) -> None:
    """Its candidate is live at the end, every user got an answer, and `down` leaves no process."""
    load = Load(address=f"127.0.0.1:{site.port}", bodies=infer_bodies(), rate=RATE, max_seconds=LONGEST)
    plan = hurried(shipped, site)

    with Traffic(load, clock=SystemClock()) as traffic:
        ran = site.deploy(plan)
    sent = traffic.sent
    (status,) = json.loads(site.mlship("status", "digits", "--json").stdout)
    down = site.mlship("down", "digits", "--yes")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (status["status"], status["live"]) == ("promoted", status["candidate"])
    assert sent.ok > 0
    assert (sent.failed > 0) == (status["downtime"] is not None) == (shipped.stem == "recreate")
    assert (down.returncode, site.processes()) == (0, [])
