"""The plans and configurations for balancers that are somebody else's: valid, complete, and what `init` prints."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from mlship.cli.init import Backend, Strategy, text
from mlship.drivers.balancer.haproxy.draft import STRATEGIES
from mlship.drivers.balancer.haproxy.lines import backend_lines, frontend_lines, ring_lines
from mlship.drivers.balancer.rest.draft import STRATEGIES as REST_STRATEGIES
from mlship.drivers.registry import known
from mlship.errors import UsageError
from mlship.plan.load import load
from mlship.strategies import compile_plan
from tests.engines import haproxy, need

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "plans" / "balancers"
PLANS = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_shipped_plan_is_valid(path: Path) -> None:
    """Carried out to its end the candidate serves everything; it tells editors its schema, and people how to try it."""
    words = path.read_text("utf-8")
    named = dict.fromkeys(re.findall(r"\$\{env:(\w+)\}", words), "secret")
    plan = load(path, drivers=known(), variables={}, env=named)
    compiled = compile_plan(plan, live=plan.live or "")

    assert dict(compiled.steps[-1].routing.weights) == {compiled.candidate: 10_000}
    assert (path.parent / words.splitlines()[0].partition("$schema=")[2]).is_file()
    assert f"mlship deploy plans/balancers/{path.name}" in words


def test_the_plan_shows_every_key_of_its_driver() -> None:
    """`nodes` stands in a comment: it takes the place of `socket`. Two keys are of the other layout."""
    schema = json.loads((ROOT / "schemas" / "plan.v1.json").read_text("utf-8"))
    shown = yaml.safe_load((FOLDER / "haproxy.yaml").read_text("utf-8"))

    assert set(shown["driver"]["haproxy"]) | {"nodes", "backend", "state-file"} == set(
        schema["$defs"]["haproxy"]["properties"]
    )


def test_the_configuration_is_what_init_prints() -> None:
    """Nobody has to keep two in step."""
    lines = [
        ring_lines(),
        frontend_lines(service="digits", default="v1", map_file="/tmp/mlship-haproxy/mlship.map"),
        backend_lines({"v1": "127.0.0.1:9001", "v2": "127.0.0.1:9002"}),
    ]
    shipped = (FOLDER / "haproxy.cfg").read_text("utf-8")

    assert all(part in shipped for part in lines)


@pytest.mark.haproxy
def test_haproxy_takes_what_init_prints(tmp_path: Path) -> None:
    """The commented lines, uncommented, are a configuration without a fault or a warning."""
    need("haproxy")
    program = haproxy()
    assert program
    printed = text(Strategy.CANARY, service="scorer", file="plan.yaml", driver=Backend.HAPROXY)
    lines = [line.removeprefix("# ").removeprefix("#") for line in printed.partition("# global\n")[2].splitlines()]
    defaults = "defaults\n    mode http\n    timeout connect 1s\n    timeout client 9s\n    timeout server 9s\n"
    (tmp_path / "mlship.map").touch()
    # The lines before the first section go on with `global`.
    cfg = "global\n" + "\n".join(lines).replace("ring mlship  ", defaults + "ring mlship  ", 1) + "\n"
    file = tmp_path / "haproxy.cfg"
    file.write_text(cfg.replace("/etc/haproxy", str(tmp_path)).replace("/run/haproxy", str(tmp_path)), "utf-8")

    checked = subprocess.run([program, "-c", "-f", file], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_init_writes_for_haproxy_is_a_plan(strategy: str, tmp_path: Path) -> None:
    """It can be carried out once the configuration is there."""
    path = tmp_path / "plan.yaml"
    path.write_text(text(Strategy(strategy), service="scorer", file="plan.yaml", driver=Backend.HAPROXY), "utf-8")

    plan = load(path, drivers=known(), variables={}, env={})

    assert (plan.driver.name, plan.models["v2"].pool.backend) == ("haproxy", "v2")


def test_init_has_no_plan_for_what_haproxy_cannot_do() -> None:
    """It says which strategies there are, and which drivers can."""
    with pytest.raises(UsageError, match="no plan for rolling") as told:
        text(Strategy.ROLLING, service="scorer", file="plan.yaml", driver=Backend.HAPROXY)

    assert "canary, blue-green" in told.value.hint
    assert "docker, process" in told.value.hint


@pytest.mark.parametrize("driver", [Backend.ALB, Backend.REST])
@pytest.mark.parametrize("strategy", REST_STRATEGIES)
def test_what_init_writes_for_balancers_that_count_nothing_is_a_plan(
    strategy: str, driver: Backend, tmp_path: Path
) -> None:
    """Addresses and templates are to be replaced by one's own, and are sound; the plan judges by numbers of its own."""
    path = tmp_path / "plan.yaml"
    path.write_text(text(Strategy(strategy), service="scorer", file="plan.yaml", driver=driver), "utf-8")

    plan = load(path, drivers=known(), variables={}, env={})

    assert (plan.driver.name, plan.guards) == (driver, ("few-errors",))


def test_templates_say_whether_they_were_run_against_the_product() -> None:
    """On top of each file, and in the table of the page; those that were have the configuration of that run."""
    page = (ROOT / "docs" / "balancers.md").read_text("utf-8")
    for path in FOLDER.glob("rest-*.yaml"):
        head = path.read_text("utf-8").partition("version: 1")[0].replace("\n# ", " ")
        run = "NOT RUN AGAINST THE PRODUCT" not in head
        assert "RUN AGAINST THE PRODUCT" in head
        assert path.with_suffix(".conf").exists() == run
        (row,) = [line for line in page.splitlines() if line.startswith(f"| [{path.name}](")]
        assert ("real" in row, "documented shapes only" in row) == (run, not run)


def test_rest_templates_together_show_every_key() -> None:
    """Of driver `rest`: whoever writes templates of their own finds an example of each."""
    schema = json.loads((ROOT / "schemas" / "plan.v1.json").read_text("utf-8"))["$defs"]
    shown = "".join(path.read_text("utf-8") for path in FOLDER.glob("rest-*.yaml"))
    page = (ROOT / "docs" / "balancers.md").read_text("utf-8")
    for part in (
        "rest",
        *(f"rest-{name}" for name in ("node", "auth", "scale", "request", "extract", "read", "write")),
    ):
        for key in schema[part]["properties"]:
            assert re.search(rf"\b{key}\b", shown + page), (part, key)
