"""What can happen to a service, one frozen dataclass per event; versioned JSON both ways.

Intent is written before each act and outcome after it; a crash between the two is settled by `Driver.observe`.
The state of a service is the fold of its events (`journal/state.py`) and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlship.metrics.counters import Counters
from mlship.metrics.look import Look
from mlship.plan.routing import Routing
from mlship.plan.step import CompiledPlan
from mlship.plan.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A rollout begins."""

    plan: Mapping[str, Any]
    """The plan as JSON, references unresolved."""
    base: str
    """Folder that relative paths in the plan start from."""
    compiled: CompiledPlan
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A process took the service over: at the start, on resume, or for a rollback."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """Step `step` (from 0) begins: its acts follow."""

    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Intended:
    """An act is about to change the world."""

    verb: str
    """ensure, route or retire."""
    model: str | None = None
    replicas: int | None = None
    routing: Routing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The act intended last came out well."""

    verb: str
    model: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The act intended last did not come out."""

    verb: str
    model: str | None = None
    message: str
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The acts of step `step` are done; its hold time and its deadline count from here."""

    step: int
    reading: Counters | None = None
    """The counters at this moment: the first look is the difference to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Numbers of one interval, and what the gates said of all numbers so far."""

    step: int
    look: Look
    verdicts: tuple[Verdict, ...] = ()
    reading: Counters | None = None
    """The counters at the end of the interval: the next look is the difference to them, in whatever process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Step `step` is passed."""

    step: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """The world was not as the journal says, and was put right (a router that had died)."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """An order from any terminal: pause, resume, promote, abort."""

    order: str
    by: str
    reason: str = ""
    full: bool = False
    """`promote --full`: all the way, past every gate that has not failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """The run stops here with the traffic where it is; `resume` goes on."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackBegun:
    """From here on the only goal is all traffic on `to`."""

    to: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    """All traffic is on `to`."""

    to: str
    seconds: float
    """From the beginning of the rollback to the confirmed routing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackFailed:
    """The traffic could not be brought back; a human is needed."""

    to: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """The service answers again after an announced downtime."""

    downtime: float
    """Seconds in which nothing served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """The candidate is the live model now; the rollout is over."""

    model: str
    previous: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtUp:
    """The live model of a new service serves; the plan asked for nothing more."""

    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TornDown:
    """`mlship down` stopped the router and every model."""

    by: str


Event = (
    Started | Taken | Entered | Intended | Done | Failed | Settled | Looked | Passed | Repaired | Requested | Parked
    | RollbackBegun | RolledBack | RollbackFailed | Reopened | Promoted | BroughtUp | TornDown
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event as the journal holds it."""

    seq: int
    """Position in the journal; grows, without gaps within a service not promised."""
    service: str
    rollout: str
    at: float
    event: Event
    fence: int = field(default=0)
