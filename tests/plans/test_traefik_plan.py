"""The plan and the configuration for a Traefik that is somebody else's: complete, and what `init` prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from mlship.cli.init import Backend, Strategy, text
from mlship.drivers.balancer.traefik.draft import STRATEGIES
from mlship.drivers.balancer.traefik.lines import service_lines, static_lines
from mlship.drivers.registry import known
from mlship.plan.load import load

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "plans" / "balancers"


def test_the_plan_shows_every_key_of_its_driver() -> None:
    """`nodes` and `middlewares` stand in comments."""
    schema = json.loads((ROOT / "schemas" / "plan.v1.json").read_text("utf-8"))
    shown = yaml.safe_load((FOLDER / "traefik.yaml").read_text("utf-8"))

    assert set(shown["driver"]["traefik"]) | {"nodes", "middlewares"} == set(schema["$defs"]["traefik"]["properties"])


def test_the_configuration_is_what_init_prints() -> None:
    """Nobody has to keep two in step."""
    services = service_lines({"v1": "127.0.0.1:9001", "v2": "127.0.0.1:9002"})

    assert static_lines("/tmp/mlship-traefik/dynamic") in (FOLDER / "traefik.yml").read_text("utf-8")
    assert services in (FOLDER / "traefik-services.yml").read_text("utf-8")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_init_writes_is_a_plan(strategy: str, tmp_path: Path) -> None:
    """It can be carried out once the configuration is there, whose lines are YAML when they are uncommented."""
    printed = text(Strategy(strategy), service="scorer", file="plan.yaml", driver=Backend.TRAEFIK)
    path = tmp_path / "plan.yaml"
    path.write_text(printed, "utf-8")

    plan = load(path, drivers=known(), variables={}, env={})
    static, services = (
        yaml.safe_load("\n".join(line[2:] for line in part.splitlines()[1:])) for part in printed.split("# ---- ")[1:]
    )

    assert (plan.driver.name, plan.models["v2"].pool.backend) == ("traefik", "v2")
    assert static["providers"]["providersThrottleDuration"] == "50ms"
    assert set(services["http"]["services"]) == {"v1", "v2"}
