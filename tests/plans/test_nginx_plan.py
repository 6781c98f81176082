"""The plan and the configuration for an nginx that is somebody else's: complete, and what `init` prints."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from mlship.cli.init import Backend, Strategy, text
from mlship.drivers.balancer.nginx.draft import STRATEGIES
from mlship.drivers.balancer.nginx.include import text_of
from mlship.drivers.balancer.nginx.lines import http_lines, server_lines
from mlship.drivers.registry import known
from mlship.plan.load import load
from tests.engines import need, nginx

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "plans" / "balancers"


def test_the_plan_shows_every_key_of_its_driver() -> None:
    """`nodes` and `reload` stand in comments: they take the place of others."""
    schema = json.loads((ROOT / "schemas" / "plan.v1.json").read_text("utf-8"))
    shown = yaml.safe_load((FOLDER / "nginx.yaml").read_text("utf-8"))

    assert set(shown["driver"]["nginx"]) | {"nodes", "reload"} == set(schema["$defs"]["nginx"]["properties"])


def test_the_configuration_is_what_init_prints() -> None:
    """Nobody has to keep two in step."""
    shipped = (FOLDER / "nginx.conf").read_text("utf-8")
    include = "/tmp/mlship-nginx/nginx-digits.conf"

    assert http_lines(include, {"v1": "127.0.0.1:9001", "v2": "127.0.0.1:9002"}) in shipped
    assert server_lines("digits", log="/tmp/mlship-nginx/digits.log") in shipped
    assert (FOLDER / "nginx-digits.conf").read_text("utf-8") == text_of("v1:10000", "digits")


@pytest.mark.nginx
@pytest.mark.parametrize("strategy", [Strategy.CANARY, Strategy.SHADOW])
def test_nginx_takes_what_init_prints(strategy: Strategy, tmp_path: Path) -> None:
    """The commented lines, uncommented and each in its place, are a configuration without a fault or a warning."""
    need("nginx")
    program = nginx()
    assert program
    printed = text(strategy, service="my-model", file="plan.yaml", driver=Backend.NGINX)
    included, http, server, *copies = (
        "\n".join(line[2:] for line in part.splitlines()[1:] if "----" not in line)
        for part in printed.split("# ---- ")[2:]
    )
    if copies:
        mirrors, locations = copies
        server = server.replace("location / {", f"location / {{\n{mirrors}", 1) + locations
    (tmp_path / "my-model.conf").write_text(included + "\n", "utf-8")
    head = f"pid {tmp_path}/nginx.pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\n"
    whole = f"{head}http {{\n{http}\nserver {{\nlisten 127.0.0.1:1;\n{server}\n}}\n}}\n"
    whole = whole.replace("/etc/nginx/mlship", str(tmp_path)).replace("/var/log/nginx", str(tmp_path))
    (tmp_path / "nginx.conf").write_text(whole, "utf-8")

    words = [program, "-e", f"{tmp_path}/error.log", "-t", "-q", "-c", str(tmp_path / "nginx.conf")]
    checked = subprocess.run(words, capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_init_writes_is_a_plan(strategy: str, tmp_path: Path) -> None:
    """It can be carried out once the configuration is there."""
    path = tmp_path / "plan.yaml"
    path.write_text(text(Strategy(strategy), service="scorer", file="plan.yaml", driver=Backend.NGINX), "utf-8")

    plan = load(path, drivers=known(), variables={}, env={})

    assert (plan.driver.name, len(plan.models["v2"].pool.servers)) == ("nginx", 1)
