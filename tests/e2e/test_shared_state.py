"""`MLSHIP_STATE=s3://...`: one record for all machines that see the same backend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlship.errors import Exit
from mlship.journal.shared.place import parse
from tests.e2e.site import Site
from tests.support.s3 import Store, hang_up
from tests.support.stores import s3, store

__all__ = ["s3", "store"]

PLAN = """\
version: 1
service: scorer
driver: { memory: {} }
models: { v1: {}, v2: {} }
live: v1
look-every: 300ms
stages: [{ strategy: canary, weights: [10%], hold: 10m, at-most: 20m }]
"""


class Machine(Site):
    """A machine of the team: a state folder of its own, the same bucket, and the same world to work on."""

    def __init__(self, folder: Path, name: str, store: Store) -> None:
        super().__init__(folder)
        home = folder / name
        self.state = home / "mlship" / "shared" / parse(store.url).folder
        self.state.mkdir(parents=True, mode=0o700)
        (folder / "world").mkdir(exist_ok=True)
        (self.state / "memory").symlink_to(folder / "world")
        self.environment = {
            **os.environ, "XDG_STATE_HOME": str(home), "MLSHIP_STATE": store.url, "NO_COLOR": "1", "COLUMNS": "200",
        }  # fmt: skip


class Team:
    """Two machines and a service that v1 serves."""

    def __init__(self, folder: Path, store: Store) -> None:
        self.ann, self.bo = Machine(folder, "ann", store), Machine(folder, "bo", store)
        self.plan = folder / "plan.yaml"
        self.plan.write_text(PLAN)
        self.world = folder / "world" / "scorer.json"

    def begin(self) -> subprocess.Popen[str]:
        """A canary on the first machine, under way."""
        run = self.ann.start("deploy", self.plan, "--yes", "--output", "plain")
        self.ann.until(lambda: self.weights() == {"v1": 9000, "v2": 1000})
        return run

    def weights(self) -> dict[str, int]:
        """Where the traffic of the world really goes."""
        routing = json.loads(self.world.read_text())["routing"] if self.world.exists() else None
        segments: list[Any] = routing["segments"] if routing else []
        return {model: sum(width for name, width in segments if name == model) for model in dict(segments)}


@pytest.fixture
def team(tmp_path: Path, store: Store) -> Iterator[Team]:
    """Nothing of it is left when the test ends."""
    made = Team(tmp_path, store)
    try:
        yield made
    finally:
        for process in [*made.ann.started, *made.bo.started]:
            process.kill()
            process.wait()


def test_another_machine_sees_it_and_rolls_it_back(team: Team) -> None:
    """A rollout of one machine is shown on another, which takes it over and back; the run on the first one stops."""
    run = team.begin()
    shown = team.bo.status()
    assert (shown["service"], shown["status"], shown["candidate"]) == ("scorer", "running", "v2")
    held = team.bo.deploy(team.plan)
    assert held.returncode == Exit.HELD, held.stdout + held.stderr
    back = team.bo.mlship("rollback", "scorer", "--reason", "from another machine")

    assert back.returncode == Exit.DONE, back.stdout + back.stderr
    assert run.wait(60) == Exit.ROLLED_BACK
    assert team.weights() == {"v1": 10000}
    assert team.ann.status()["status"] == "rolled back"
    assert "from another machine" in team.ann.mlship("show", "scorer").stdout


def test_another_machine_goes_on_after_kill_9(team: Team) -> None:
    """The machine of a rollout dies: another one resumes it, and its orders are obeyed there."""
    run = team.begin()
    run.kill()
    run.wait()
    again = team.bo.start("resume", "scorer", "--output", "plain")
    team.ann.until(lambda: "resume" in team.ann.mlship("show", "scorer").stdout)
    promoted = team.ann.mlship("promote", "scorer", "--full")

    assert promoted.returncode == Exit.DONE, promoted.stdout + promoted.stderr
    assert again.wait(60) == Exit.DONE, team.bo.output.read_text()
    assert team.weights() == {"v2": 10000}
    assert team.ann.status()["live"] == "v2"


def test_a_bucket_that_is_away_stops_the_run_where_it_is(team: Team, store: Store) -> None:
    """The store breaks down: exit code 6 and words, the traffic stays; with the store back the service goes back."""
    run = team.begin()
    store.spoil(hang_up, method="PUT", times=1000)
    assert run.wait(120) == Exit.OUT_OF_REACH
    said = team.ann.output.read_text()
    assert "cannot be reached" in said
    assert "Traceback" not in said
    assert team.weights() == {"v1": 9000, "v2": 1000}
    store.spoils.clear()

    back = team.bo.mlship("rollback", "scorer")
    assert back.returncode == Exit.DONE, back.stdout + back.stderr
    assert team.weights() == {"v1": 10000}


def test_an_address_that_is_none_is_bad_usage(tmp_path: Path) -> None:
    """Exit code 2, one line, no traceback; so for every command."""
    env = {**os.environ, "MLSHIP_STATE": "gs://bucket"}
    ran = subprocess.run(
        [sys.executable, "-m", "mlship", "status"], env=env, capture_output=True, text=True, check=False
    )

    assert ran.returncode == Exit.USAGE
    assert "s3://bucket/prefix" in ran.stderr
    assert "Traceback" not in ran.stderr
