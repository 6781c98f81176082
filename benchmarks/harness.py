"""What every benchmark shares: goals, a table for people, `--json`, `--quick`, and an exit code that tells."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

MISSED = 3
"""Exit code where a goal is missed: not 1, which a benchmark that broke down ends with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure and what it should be. `spread` is the least and the greatest value over the rounds."""

    name: str
    value: float
    target: float
    at_least: bool = False
    spread: tuple[float, float] | None = None

    @property
    def holds(self) -> bool:
        """The figure is on the right side of its target."""
        return self.value >= self.target if self.at_least else self.value <= self.target


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Median of the ratios pair by pair, with the least and the greatest: pairs were measured side by side."""
    pairs = [a / b for a, b in zip(ours, theirs, strict=True)]
    return statistics.median(pairs), (min(pairs), max(pairs))


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def arguments(description: str) -> argparse.Namespace:
    """`--quick` and `--json`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: ends within a minute")
    parser.add_argument("--json", action="store_true", help="print the goals as JSON")
    return parser.parse_args()


def finish(goals: Iterable[Goal], *, as_json: bool) -> None:
    """Print the goals and exit: 0 only where every one holds, else `MISSED`."""
    goals = list(goals)
    if as_json:
        told = {
            goal.name: {"value": round(goal.value, 3), "target": goal.target, "holds": goal.holds} for goal in goals
        }
        print(json.dumps({"goals": told}))
    else:
        _print_table(goals)
    sys.exit(0 if all(goal.holds for goal in goals) else MISSED)


def _print_table(goals: Sequence[Goal]) -> None:
    width = max(len(goal.name) for goal in goals)
    print(f"{'':{width}}  {'value':>7}  {'spread':>15}  {'goal':>8}")
    for goal in goals:
        spread = f"{goal.spread[0]:.2f} .. {goal.spread[1]:.2f}" if goal.spread else ""
        target = f"{'≥' if goal.at_least else '≤'} {goal.target:g}"
        print(
            f"{goal.name:{width}}  {goal.value:>7.2f}  {spread:>15}  {target:>8}  {'holds' if goal.holds else 'MISSED'}"
        )
