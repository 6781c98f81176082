"""Whole rollouts behind an Application Load Balancer of moto's, by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mlship.errors import Exit
from tests.support.alb_site import AlbSite, alb_site

SHIPPED = Path(__file__).parents[2] / "plans" / "balancers" / "alb.yaml"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[AlbSite]:
    """v1 and v2; the rule forwards to v1 alone."""
    with alb_site(tmp_path) as opened:
        del opened.groups["sick"]
        yield opened


def mlship(site: AlbSite, *words: str | Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "MLSHIP_STATE": str(site.folder / "state"), "NO_COLOR": "1", "COLUMNS": "200"}
    words = (sys.executable, "-m", "mlship", *words)
    return subprocess.run([*map(str, words)], env=env, capture_output=True, text=True, timeout=120, check=False)


def plan(site: AlbSite, errors: float) -> Path:
    """The shipped plan with this site's ARNs, shorter waits, and a source that tells that share of errors."""
    shipped = yaml.safe_load(SHIPPED.read_text("utf-8"))
    overlay = {
        **shipped,
        "driver": {"alb": site.settings},
        "models": {name: {"target-group": arn} for name, arn in site.groups.items()},
        "metrics": {"errors": {"command": {"run": ["echo", json.dumps({"value": errors})]}}},
        "stages": [stage | {"hold": "1s", "weights": ["10%", "50%"]} for stage in shipped["stages"]],
        "look-every": "300ms",
        "bake": "500ms",
    }
    file = site.folder / "plan.yaml"
    file.write_text(json.dumps(overlay), "utf-8")
    return file


def test_the_shipped_plan_ends_promoted(site: AlbSite) -> None:
    """Everything is on the candidate's target group; the other one stays in the rule."""
    ran = mlship(site, "deploy", plan(site, 0.0), "--yes", "--output", "plain")
    doctor = mlship(site, "doctor", "digits")

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert site.weights == {"v1": 0, "v2": 999}
    assert (doctor.returncode, "everything runs as recorded" in doctor.stdout) == (0, True), doctor.stdout


def test_a_candidate_that_errs_is_rolled_back(site: AlbSite) -> None:
    """By the plan's own numbers."""
    ran = mlship(site, "deploy", plan(site, 0.9), "--yes", "--output", "plain")

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert site.weights == {"v1": 999, "v2": 0}
