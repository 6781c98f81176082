"""A driver of another package, which is in one environment and not in the other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlship.errors import Exit
from tests.e2e.site import Site

pytestmark = pytest.mark.envoy  # of the site

PLAN = """
version: 1
service: scorer
driver: { own: {} }
models: { v1: {}, v2: {} }
live: v1
stages:
  - { strategy: canary, weights: [50%], hold: 10m }
"""


def installed(folder: Path) -> Path:
    """A package whose driver `own` is the one in memory by another name."""
    info = folder / "own-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mlship.drivers]\nown = own:OwnDriver\n")
    (folder / "own.py").write_text("from mlship.drivers.memory import MemoryDriver as OwnDriver\n")
    return folder


def test_a_rollout_that_is_resumed_where_its_driver_is_missing(site: Site) -> None:
    """It is parked as it was, and neither runs with nobody at work nor is told to be a plan that was not touched."""
    without = site.environment
    path = os.pathsep.join(filter(None, [str(installed(site.folder / "site")), without.get("PYTHONPATH")]))
    site.environment = {**without, "PYTHONPATH": path}
    plan = site.folder / "plan.yaml"
    plan.write_text(PLAN)
    deploy = site.start("deploy", plan, "--yes", "--output", "plain")
    site.until(lambda: "canary 50 %, in place" in site.output.read_text())
    deploy.terminate()
    assert deploy.wait(30) == Exit.INTERRUPTED

    site.environment = without
    on = site.mlship("resume", "scorer", "--output", "plain")

    assert (on.returncode, "there is no driver named 'own'" in on.stderr) == (Exit.OUT_OF_REACH, True), on
    assert site.status()["status"] == "parked"
    assert "'own'" in str(site.status()["reason"])
    assert "hint: known drivers: alb, caddy" in site.mlship("status", "scorer").stdout
