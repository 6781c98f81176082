"""A disk that is full, or that cannot be written: one clear message, the promised exit code, the users served on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlship.cli import reserve
from mlship.errors import Exit
from tests.e2e.site import Site
from tests.e2e.test_commands import GATES, LONG
from tests.engines import need
from tests.support.rights import read_only

pytestmark = pytest.mark.envoy


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Site]:
    """A site whose state lies on a disk of its own."""
    need("envoy")
    need("root")
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", state], check=True)
    site = Site(tmp_path)
    try:
        yield site
    finally:
        site.clear()
        subprocess.run(["umount", "-l", state], check=True)


def half_way(site: Site) -> None:
    """A canary at half of the traffic whose controller is gone."""
    deploy = site.start("deploy", site.plan(LONG, more=GATES), "--yes", "--output", "plain")
    site.until_share("v2")
    deploy.kill()
    deploy.wait()


def fill(folder: Path) -> Path:
    """Nothing more can be written into the folder."""
    ballast = folder / "ballast"
    with ballast.open("wb") as sink:
        try:
            while True:
                os.write(sink.fileno(), b"\0" * 4096)
        except OSError:
            return ballast


def test_full_disk(small: Site) -> None:
    """A rollback goes through all the same, by the room that was kept for it, and is kept again after it."""
    half_way(small)
    ballast = fill(small.state)
    back = small.mlship("rollback", "scorer")
    assert back.returncode == Exit.DONE, back.stdout + back.stderr
    assert {small.ask() for _ in range(20)} == {"v1"}
    ballast.unlink()
    assert small.mlship("rollback", "scorer").returncode == Exit.DONE
    assert (small.state / reserve.NAME).stat().st_size == reserve.SIZE


def test_full_disk_without_a_reserve(small: Site) -> None:
    """The command says so and touches nothing; once there is room the rollback goes through."""
    half_way(small)
    (small.state / reserve.NAME).unlink()
    ballast = fill(small.state)
    back = small.mlship("rollback", "scorer")
    assert (back.returncode, "Traceback" in back.stderr) == (Exit.OUT_OF_REACH, False), back.stderr
    assert "full" in back.stderr
    assert "`mlship rollback` goes back" in back.stderr
    assert small.ask() in {"v1", "v2"}
    ballast.unlink()
    assert small.mlship("rollback", "scorer").returncode == Exit.DONE
    assert {small.ask() for _ in range(20)} == {"v1"}


def test_disk_fills_up(small: Site) -> None:
    """A run whose disk fills up stops with exit 6 and leaves the traffic where it is."""
    deploy = small.start("deploy", small.plan(LONG, more=GATES), "--yes", "--output", "plain")
    small.until_share("v2")
    ballast = fill(small.state)
    assert deploy.wait(60) == Exit.OUT_OF_REACH
    ballast.unlink()
    assert {small.ask() for _ in range(40)} == {"v1", "v2"}
    assert small.mlship("rollback", "scorer").returncode == Exit.DONE


def test_read_only_disk(small: Site) -> None:
    """On a read-only disk nothing is changed, and the message says why; what is recorded can be read."""
    half_way(small)
    with read_only(small.state):
        back = small.mlship("rollback", "scorer")
        read = [small.mlship(*words) for words in (["status"], ["status", "scorer"], ["history", "scorer"], ["show"])]
    assert (back.returncode, "Traceback" in back.stderr) == (Exit.OUT_OF_REACH, False), back.stderr
    assert "read-only" in back.stderr
    assert [each.returncode for each in read] == [0] * 4, [each.stderr for each in read]
    assert ["v1 → v2" in each.stdout for each in read] == [True] * 4
    assert small.ask() in {"v1", "v2"}
    assert small.mlship("rollback", "scorer").returncode == Exit.DONE
