"""The README's first commands: a real rollout on nothing but this package, and nothing left running."""

from __future__ import annotations

import json
import re

import pytest

from mlship.errors import Exit
from tests.e2e.site import Site
from tests.engines import need

pytestmark = pytest.mark.envoy


def of_the_demo(site: Site) -> Site:
    """The same site, seen from the demo's own state folder."""
    need("sklearn")
    inner = Site(site.folder)
    inner.state = site.state / "demo"
    inner.environment |= {"MLSHIP_STATE": str(inner.state)}
    return inner


def test_demo(site: Site) -> None:
    """The candidate is promoted with exit 0, no request failed, what to try next is said, and nothing runs on."""
    inner = of_the_demo(site)
    try:
        ran = site.mlship("demo")
        assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
        assert inner.processes() == []
    finally:
        inner.clear()

    assert "v2 is live" in ran.stdout
    assert ", 0 of them failed." in ran.stderr
    assert "Try next:\n  mlship demo --bad\n" in ran.stderr
    assert re.findall(r"canary (\d+ %), in place", ran.stdout) == ["5 %", "25 %", "50 %"]


def test_bad_demo(site: Site) -> None:
    """A candidate that errs is rolled back with exit 3; with --keep, v1 serves on until `down`, as it is said."""
    inner = of_the_demo(site)
    try:
        ran = site.mlship("demo", "--bad", "--keep", "--output", "json")
        assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
        events = [json.loads(line)["type"] for line in ran.stdout.splitlines()]
        inner.port = int(ran.stderr.rpartition(":")[2].strip(" .\n"))
        assert inner.ask() == "404"  # the model's own answer: it has no such path
        assert len(inner.processes("--port")) == 1
        assert inner.mlship("rollback").returncode == Exit.DONE
        assert inner.mlship("down", "--yes").returncode == Exit.DONE
        assert inner.processes() == []
    finally:
        inner.clear()

    assert (events[0], events[-1]) == ("started", "rolled-back")
    assert f"export MLSHIP_STATE={inner.state}\n" in ran.stderr
