"""The plan and the configuration for a Caddy that is somebody else's: complete, and what `init` prints."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from mlship.cli.init import Backend, Strategy, text
from mlship.drivers.balancer.caddy.draft import STRATEGIES
from mlship.drivers.balancer.caddy.lines import Place, configuration_lines, handler_lines
from mlship.drivers.registry import known
from mlship.plan.load import load
from tests.engines import caddy, need

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "plans" / "balancers"


def test_the_plan_shows_every_key_of_its_driver() -> None:
    """`nodes` stands in a comment: it takes the place of `admin`."""
    schema = json.loads((ROOT / "schemas" / "plan.v1.json").read_text("utf-8"))
    shown = yaml.safe_load((FOLDER / "caddy.yaml").read_text("utf-8"))

    assert set(shown["driver"]["caddy"]) | {"nodes"} == set(schema["$defs"]["caddy"]["properties"])


def test_the_configuration_is_what_init_prints() -> None:
    """Nobody has to keep two in step."""
    handler = handler_lines("digits", {"v1": "127.0.0.1:9001", "v2": "127.0.0.1:9002"})
    folder = "/tmp/mlship-caddy"
    place = Place(listen="127.0.0.1:8080", admin=f"unix/{folder}/admin.sock", log=f"{folder}/access.log")

    assert (FOLDER / "caddy.json").read_text("utf-8") == configuration_lines(handler, place)


@pytest.mark.caddy
def test_caddy_takes_what_init_prints(tmp_path: Path) -> None:
    """The commented lines, uncommented, are a configuration without a fault."""
    need("caddy")
    program = caddy()
    assert program
    printed = text(Strategy.CANARY, service="scorer", file="plan.yaml", driver=Backend.CADDY)
    start = printed.index("\n# {\n")
    lines = [line.removeprefix("# ") for line in printed[start:].splitlines()]
    file = tmp_path / "caddy.json"
    file.write_text("\n".join(lines).replace("/var/log/caddy", str(tmp_path)), "utf-8")

    checked = subprocess.run([program, "validate", "--config", file], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_init_writes_is_a_plan(strategy: str, tmp_path: Path) -> None:
    """It can be carried out once the configuration is there."""
    path = tmp_path / "plan.yaml"
    path.write_text(text(Strategy(strategy), service="scorer", file="plan.yaml", driver=Backend.CADDY), "utf-8")

    plan = load(path, drivers=known(), variables={}, env={})

    assert plan.driver.name == "caddy"
    assert [len(model.pool.servers) for model in plan.models.values()] == [1, 1]
