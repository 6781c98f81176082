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
from mlship.demo.training import labelled_bodies
from tests.e2e.site import Site
from tests.engines import need

pytestmark = [pytest.mark.envoy, pytest.mark.load]

PLANS = [file for file in sorted((Path(__file__).parents[2] / "plans").glob("*.yaml")) if "docker" not in file.stem]
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


def load(site: Site) -> Load:
    """Requests, what was right for each, and users who are pleased most by v2."""
    bodies, truths = zip(*labelled_bodies(), strict=True)
    return Load(
        address=f"127.0.0.1:{site.port}",
        bodies=bodies,
        truths=truths,
        labels=1.0,
        rewards={"v1": 0.1, "v2": 0.3, "v3": 0.05},
        rate=RATE,
        max_seconds=LONGEST,
    )


def better(shipped: Path) -> str:
    """The model of the plan that is served by the demo's v2."""
    (name,) = (name for name, model in yaml.safe_load(shipped.read_text("utf-8"))["models"].items() if trains_v2(model))
    return str(name)


def trains_v2(model: dict[str, list[str]]) -> bool:
    return model["command"][model["command"].index("--train") + 1] == "v2"


@pytest.mark.parametrize("shipped", PLANS, ids=lambda path: path.stem)
def test_a_shipped_plan_ends_promoted_with_no_failed_request(shipped: Path, site: Site) -> None:
    """The better model is live at the end, every user got an answer, and `down` leaves no process."""
    plan = hurried(shipped, site)

    with Traffic(load(site), clock=SystemClock()) as traffic:
        ran = site.deploy(plan)
    sent = traffic.sent
    (status,) = json.loads(site.mlship("status", "digits", "--json").stdout)
    down = site.mlship("down", "digits", "--yes")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (status["status"], status["live"], status["candidate"]) == ("promoted", better(shipped), better(shipped))
    assert (sent.ok > 0, sent.told > 0, sent.untold) == (True, True, 0)
    assert (sent.failed > 0) == (status["downtime"] is not None) == (shipped.stem == "recreate")
    assert (down.returncode, site.processes()) == (0, [])


def test_a_challenger_that_errs_is_rejected_without_any_user_noticing(site: Site) -> None:
    """What shadow.yaml says to add for a bad challenger: the run goes back, and no request of a user has failed."""
    shipped = next(path for path in PLANS if path.stem == "shadow")
    plan = hurried(shipped, site)
    overlay = json.loads(plan.read_text("utf-8"))
    command = yaml.safe_load(shipped.read_text("utf-8"))["models"]["v2"]["command"]
    overlay["models"] = {"v2": {"command": [*command, "--error-rate", "0.15"]}}
    plan.write_text(json.dumps(overlay), "utf-8")

    with Traffic(load(site), clock=SystemClock()) as traffic:
        ran = site.deploy(plan)
    (status,) = json.loads(site.mlship("status", "digits", "--json").stdout)

    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert (status["status"], status["live"]) == ("rolled back", "v1")
    assert (traffic.sent.ok > 0, traffic.sent.failed) == (True, 0)
