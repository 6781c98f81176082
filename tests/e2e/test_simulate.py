"""`mlship simulate` as a user gives it."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from mlship.errors import Exit

PATIENCE = 60.0
ROOT = Path(__file__).parents[2]
CANARY = ROOT / "plans" / "canary.yaml"
WORLD = ROOT / "plans" / "worlds" / "canary.yaml"
PLAN = """\
version: 1
service: scorer
driver: { memory: {} }
models: { v1: {}, v2: {} }
live: v1
gates: { no-more-errors: { metric: error_rate, no-worse-than: live, margin: 2% } }
stages: [{ strategy: canary, weights: [50%], hold: 30s, requests: 50 }]
look-every: 10s
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A canary of one weight."""
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN)
    return file


def command(*words: str | Path) -> Sequence[str]:
    return [sys.executable, "-m", "mlship", "simulate", *map(str, words)]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "MLSHIP_STATE": str(folder / "state"), "NO_COLOR": "1", "COLUMNS": "80"}


def simulate(folder: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words), env=environment(folder), capture_output=True, text=True, timeout=180, check=False
    )


def test_the_shipped_example_is_simulated(tmp_path: Path) -> None:
    """Its candidate is worse, and is rolled back; nothing is started, nothing is written."""
    ended = simulate(tmp_path, CANARY, "--world", WORLD, "--runs", "3", "--jobs", "1")

    assert ended.returncode == Exit.DONE, ended.stderr
    assert "digits  v1 → v2  3 rollouts, seed 1" in ended.stdout
    assert "In this world v2 is worse than the gates tolerate." in ended.stdout
    assert "rolled back" in ended.stdout
    assert "\x1b" not in ended.stdout
    assert not (tmp_path / "state").exists()


def test_json_is_one_object_and_the_same_for_the_same_seed(tmp_path: Path, plan: Path) -> None:
    """However many processes are at work."""
    alone, together = (
        simulate(tmp_path, plan, "--runs", "8", "--seed", "5", "--json", "--jobs", jobs) for jobs in ("1", "2")
    )
    told = json.loads(alone.stdout)

    assert alone.stdout == together.stdout
    assert (told["runs"], told["seed"], told["harmless"]) == (8, 5, True)
    assert sum(ending["chance"]["count"] for ending in told["endings"]) == 8


def test_a_bad_world_is_refused_with_the_place(tmp_path: Path, plan: Path) -> None:
    """Every fault of it, and nothing is simulated."""
    world = tmp_path / "world.yaml"
    world.write_text("models:\n  candidat: { errors: 2% }\nincidents: [{ from: 5, for: 1m, factor: 2 }]\n")
    ended = simulate(tmp_path, plan, "--world", world)

    assert (ended.returncode, ended.stdout) == (Exit.USAGE, "")
    assert f"{world}:2:3: models.candidat: " in ended.stderr
    assert "did you mean candidate?" in ended.stderr
    assert f"{world}:3:21: incidents[0].from: " in ended.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.yaml",), "there is no file"),
        (("plan.yaml", "--world", "nowhere.yaml"), "there is no file"),
        (("plan.yaml", "--look-every", "often"), "expected a duration such as 30s"),
        (("plan.yaml", "--runs", "0"), "--runs"),
        (("alone.yaml",), "nothing is to replace v1"),
        (("unknown.yaml",), "nothing is known to be live for scorer"),
    ],
)
def test_what_cannot_be_simulated_is_bad_usage(tmp_path: Path, plan: Path, words: Sequence[str], said: str) -> None:
    """With exit code 2 and without a traceback."""
    (tmp_path / "alone.yaml").write_text(
        "version: 1\nservice: scorer\ndriver: { memory: {} }\nmodels: { v1: {} }\nlive: v1\n"
    )
    (tmp_path / "unknown.yaml").write_text(plan.read_text().replace("live: v1\n", "candidate: v2\n"))
    files = [str(tmp_path / word) if word.endswith(".yaml") else word for word in words]
    ended = simulate(tmp_path, *files)

    assert ended.returncode == Exit.USAGE, ended.stderr
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


HEED = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
"""Ctrl-C is heeded also where SIGINT is ignored, as for tests in the background."""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_shows_what_there_is(tmp_path: Path, plan: Path, jobs: str) -> None:
    """Exit code 130, what was simulated until then, no traceback, and no process is left behind."""
    screen, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-c", HEED, *command(plan, "--runs", "1000000", "--jobs", jobs)],
        env=environment(tmp_path), stdout=subprocess.PIPE, stderr=theirs, text=True, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    until(screen, r"[1-9][0-9]*/1000000")
    os.killpg(running.pid, signal.SIGINT)
    said = rest(screen)
    page, _ = running.communicate(timeout=120)

    assert running.returncode == Exit.INTERRUPTED
    assert "of 1 000 000, interrupted" in page
    assert "Traceback" not in said
    for _ in range(300):
        if not alive(running.pid):
            break
        psutil.wait_procs(alive(running.pid), timeout=0.2)
    assert alive(running.pid) == []


def alive(group: int) -> list[psutil.Process]:
    """The processes of a group that still run; what has ended and nobody has buried does not."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def until(screen: int, pattern: str) -> None:
    """Read on until it is on the screen."""
    seen = ""
    while not re.search(pattern, seen):
        assert select.select([screen], [], [], PATIENCE)[0], seen
        seen += os.read(screen, 4096).decode(errors="replace")


def rest(screen: int) -> str:
    """What comes until nobody writes to the screen any more."""
    seen = b""
    with suppress(OSError):  # how the end of a terminal reads on Linux
        while data := os.read(screen, 4096):
            seen += data
    os.close(screen)
    return seen.decode(errors="replace")
