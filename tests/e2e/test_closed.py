"""The downtime of a recreate: whoever asks is told that the router is closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlship.errors import Exit
from tests.e2e.site import Site

pytestmark = pytest.mark.envoy

RECREATE = "  - { strategy: recreate, bake: 1s, at-most: 60s, gates: [] }\n"


def to_a_sick_model(site: Site) -> Path:
    """A recreate whose new model is waited for, with the router closed."""
    plan = site.plan(RECREATE, v2=["--never-ready"])
    plan.write_text(plan.read_text().replace('"within": "6s"', '"within": "60s"'))
    return plan


def test_closed(site: Site) -> None:
    """`status` and the last line of an interrupted run say that users get 503; `rollback` opens the router again."""
    deploy = site.start("deploy", to_a_sick_model(site), "--yes", "--output", "plain")
    site.until(lambda: site.ask() == "503" and bool(site.processes("--name v2")))
    assert "traffic: closed (503)" in site.mlship("status", "scorer").stdout

    deploy.terminate()
    assert deploy.wait(30) == Exit.INTERRUPTED
    assert "traffic: CLOSED, every request gets 503" in site.output.read_text().splitlines()[-1]
    assert site.ask() == "503"
    parked = site.mlship("status", "scorer").stdout
    assert ("parked" in parked, "traffic: closed (503)" in parked) == (True, True), parked

    back = site.mlship("rollback", "scorer")
    assert back.returncode == Exit.DONE, back.stderr
    assert (site.ask(), site.processes("--name v2")) == ("v1", [])
    assert "traffic: v1 100 %" in site.mlship("status", "scorer").stdout
