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
        # Each of them trains its model when it starts, on cores that are shared.
        health = {"path": "/v2/health/ready", "within": "180s", "timeout": "5s"}
        model |= {"image": images.SKLEARN, "command": command, "replicas": min(model["replicas"], 2), "health": health}
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


def test_a_new_plan_runs(site: DockerPlace) -> None:
    """What `init` writes is carried out, once it names images that exist."""
    text = site.mlship("init", "-", "--driver", "docker", "-s", "blue-green", "--service", site.service).stdout
    mine = {
        '"127.0.0.1:8080"': f'"127.0.0.1:{site.port}"\n    router: {{ image: "{images.ROUTER}", workers: 1 }}',
        '"model:1"': f'"{images.SERVER}"', '"model:2"': f'"{images.SERVER}"',
        "hold: 5m": "hold: 0s", "bake: 1h": "bake: 1s",
    }  # fmt: skip
    for theirs, ours in mine.items():
        assert theirs in text
        text = text.replace(theirs, ours)
    plan = site.folder / "plan.yaml"
    plan.write_text(text, "utf-8")
    with site.users():
        ran = site.mlship("deploy", plan, "--yes", "-o", "plain")

    assert (ran.returncode, site.ask()) == (0, "v2"), ran.stdout + ran.stderr
