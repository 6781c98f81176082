"""The shipped plans with containers, carried out with real scikit-learn models under traffic."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from mlship.clock import SystemClock
from mlship.demo.traffic import Load, Traffic
from mlship.demo.training import labelled_bodies
from tests.e2e.containers.place import DockerPlace
from tests.engines import need
from tests.support import images

pytestmark = pytest.mark.docker

PLANS = sorted((Path(__file__).parents[3] / "plans").glob("docker-*.yaml"))
LONGEST = 170.0
"""Seconds of traffic at most; the command is given up sooner."""


def hurried(shipped: Path, site: DockerPlace) -> Path:
    """The shipped plan on the site's port, on images that are there, with shorter waits."""
    plan = yaml.safe_load(shipped.read_text("utf-8"))
    plan["service"] = site.service
    plan["driver"]["docker"] |= {"listen": f"127.0.0.1:{site.port}", "router": {"image": images.ROUTER, "workers": 1}}
    for model in plan["models"].values():
        version = model.pop("build")["args"]["MODEL"]
        command = ["python3", "-m", "mlship.demo.model_server", "--train", version, "--host", "0.0.0.0"]
        # Each of them trains its model when it starts.
        model |= {"image": images.SKLEARN, "command": command, "replicas": min(model["replicas"], 2)}
    for stage in plan["stages"]:
        stage["hold"] = "1s"
    file = site.folder / "plan.yaml"
    file.write_text(json.dumps(plan | {"look-every": "300ms"}), "utf-8")
    return file


@pytest.mark.parametrize("shipped", PLANS, ids=lambda path: path.stem)
def test_a_shipped_plan_brings_the_candidate_live(site: DockerPlace, shipped: Path) -> None:
    """As a reader would try it: no request fails, and the candidate serves everything."""
    need("sklearn")
    plan = hurried(shipped, site)
    bodies, _ = zip(*labelled_bodies(), strict=True)
    load = Load(address=f"127.0.0.1:{site.port}", bodies=bodies, rate=100.0, max_seconds=LONGEST)
    with Traffic(load, clock=SystemClock()) as traffic:
        ran = site.mlship("deploy", plan, "--yes", "-o", "plain")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (traffic.sent.ok > 0, traffic.sent.failed) == (True, 0)
    assert {container.labels["mlship.model"] for container in site.docker.containers("model")} == {"v2"}
