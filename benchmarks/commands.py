"""How long whole commands take, against a bare import of what every one of them needs anyway.

Each round runs the base and every command once, so a ratio compares neighbours in time. `rollback` is a real one: a
canary that was cut short at half of the traffic, on the memory driver, brought back and recorded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness import Goal, arguments, finish, ratios, seconds

BASE = (sys.executable, "-c", "import typer, rich.console")
MLSHIP = (sys.executable, "-m", "mlship")
GOALS = {"--help": 1.3, "validate": 2.5, "status": 2.0, "rollback": 2.5}

PLAN = """\
version: 1
service: scorer
driver: { memory: { rate: 500 } }
models: { v1: {}, v2: {} }
live: v1
stages:
  - { strategy: canary, weights: [50%], hold: 1h, at-most: 2h }
look-every: 1s
"""


def main() -> None:
    """Measure, print, exit."""
    asked = arguments("whole-command time of mlship against a bare import")
    with tempfile.TemporaryDirectory() as folder:
        goals = measure(Path(folder), rounds=7 if asked.quick else 25)
    finish(goals, as_json=asked.json)


def measure(folder: Path, *, rounds: int) -> list[Goal]:
    """Median ratios over `rounds`."""
    plan = folder / "plan.yaml"
    plan.write_text(PLAN)
    cut_short(plan, folder / "prepared")
    commands: Mapping[str, Sequence[str]] = {
        "--help": (*MLSHIP, "--help"),
        "validate": (*MLSHIP, "validate", str(plan)),
        "status": (*MLSHIP, "status", "scorer"),
        "rollback": (*MLSHIP, "rollback", "scorer"),
    }
    times: dict[str, list[float]] = {name: [] for name in ("base", *commands)}
    for number in range(rounds + 1):
        state = folder / f"state-{number}"
        shutil.copytree(folder / "prepared", state)
        took = {"base": timed(BASE, state)} | {name: timed(words, state) for name, words in commands.items()}
        for name, value in took.items() if number else ():
            times[name].append(value)
    return [goal(name, times) for name in commands]


def goal(name: str, times: Mapping[str, list[float]]) -> Goal:
    """The ratio of one command."""
    value, spread = ratios(times[name], times["base"])
    return Goal(name=f"mlship {name}", value=value, target=GOALS[name], spread=spread)


def timed(words: Sequence[str], state: Path) -> float:
    """Seconds of a whole process, which must succeed."""
    # As an installed package has it: compiled once, in the first round, which does not count.
    environment = {**os.environ, "MLSHIP_STATE": str(state), "PYTHONDONTWRITEBYTECODE": ""}
    run = lambda: subprocess.run(words, env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: E731
    return seconds(run)


def cut_short(plan: Path, state: Path) -> None:
    """A canary at half of the traffic whose process was killed."""
    environment = {**os.environ, "MLSHIP_STATE": str(state)}
    words = (*MLSHIP, "deploy", str(plan), "--yes", "--output", "json")
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as deploy:
        assert deploy.stdout is not None
        looks = 0
        while looks < 3:
            looks += '"type":"looked"' in deploy.stdout.readline().replace(" ", "")
        deploy.kill()


if __name__ == "__main__":
    main()
