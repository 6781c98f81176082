"""Rows of a table with other tools' figures beside ours, and what chance may add to a goal in a short run."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness import MISSED, Goal, finish

COLUMNS = ("repeated z", "mSPRT", "asympt. CS", "Flagger / Argo", "Thompson")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure. Without a target it is only told."""

    name: str
    value: float
    error: float | None = None
    """Its Monte Carlo standard error."""
    target: float | None = None
    at_least: bool = False
    allowed: float = 0.0
    """What is added to the target (or taken from it) for the chance of a short run."""
    peers: Mapping[str, str] = field(default_factory=dict)

    @property
    def goal(self) -> Goal | None:
        """With what chance is allowed."""
        if self.target is None:
            return None
        limit = self.target - self.allowed if self.at_least else self.target + self.allowed
        return Goal(name=self.name, value=self.value, target=round(limit, 4), at_least=self.at_least)

    @property
    def told(self) -> tuple[str, ...]:
        """Name, target, ours, verdict, and the peers' figures."""
        ours = figure(self.value) + (f" ± {figure(self.error)}" if self.error is not None else "")
        goal = self.goal
        verdict = "" if goal is None else "holds" if goal.holds else "MISSED"
        peers = (self.peers.get(column, "-") for column in COLUMNS)
        return self.name, self._target, ours, verdict, *peers

    @property
    def _target(self) -> str:
        if self.target is None:
            return ""
        sign, more = ("≥", "-") if self.at_least else ("≤", "+")
        return f"{sign} {self.target:g}" + (f" {more} {self.allowed:.3f}" if self.allowed else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is simulated."""

    quick: bool

    def runs(self, quick: int, full: int) -> int:
        """As many."""
        return quick if self.quick else full

    def chance(self, error: float) -> float:
        """Two standard errors in a short run; a full one is held to the target itself."""
        return 2 * error if self.quick else 0.0


def figure(value: float) -> str:
    """Three significant digits; whole numbers from 100 on."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 1 else f"{value:.3f}"


def share_error(share: float, runs: int) -> float:
    """The standard error of a share of the runs."""
    return math.sqrt(share * (1 - share) / runs)


def conclude(rows: Sequence[Row], *, as_json: bool) -> None:
    """Print, and exit: 0 only where every goal holds."""
    goals = [goal for goal in (row.goal for row in rows) if goal]
    if as_json:
        finish(goals, as_json=True)
    head = ("", "goal", "mlship", "", *COLUMNS)
    lines = [head, *(row.told for row in rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    for line in lines:
        print("  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip())
    sys.exit(0 if all(goal.holds for goal in goals) else MISSED)
