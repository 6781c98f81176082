"""What can happen to a service, one frozen struct per event; versioned JSON both ways.

Structs, not dataclasses: a dataclass takes a millisecond to define, and every command defines them all.

Intent is written before each act and outcome after it; a crash between the two is settled by `Driver.observe`.
The state of a service is the fold of its events (`journal/state.py`) and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from mlship.metrics.counters import Counters
from mlship.metrics.look import Look
from mlship.metrics.rewards import Belief
from mlship.plan.routing import Routing
from mlship.plan.rule import Rule
from mlship.plan.step import CompiledPlan
from mlship.plan.verdict import Verdict


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout begins."""

    plan: Mapping[str, Any]
    """The plan as JSON, references unresolved."""
    base: str
    """Folder that relative paths in the plan start from."""
    compiled: CompiledPlan
    by: str


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A process took the service over: at the start, on resume, or for a rollback."""

    by: str
    reason: str


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """Step `step` (from 0) begins: its acts follow."""

    step: int


class Intended(msgspec.Struct, frozen=True, kw_only=True):
    """An act is about to change the world."""

    verb: str
    """ensure, route or retire."""
    model: str | None = None
    replicas: int | None = None
    routing: Routing | None = None


class Progressed(msgspec.Struct, frozen=True, kw_only=True):
    """The act intended last takes its time: how far it is, in the words of the backend."""

    verb: str
    what: str
    """Which stretch of the act has begun."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The act intended last came out well."""

    verb: str
    model: str | None = None
    seconds: float = 0.0


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """The act intended last did not come out."""

    verb: str
    model: str | None = None
    message: str
    log: tuple[str, ...] = ()


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """The acts of step `step` are done; its hold time and its deadline count from here."""

    step: int
    revision: int = 0
    """Changes of the rules and weights that are in place with it."""
    reading: Counters | None = None
    """The counters at this moment: the first look is the difference to them."""


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of one interval, and what the gates said of all numbers so far."""

    step: int
    look: Look
    verdicts: tuple[Verdict, ...] = ()
    reading: Counters | None = None
    """The counters at the end of the interval: the next look is the difference to them, in whatever process."""
    mark: str = ""
    """Up to where answers were read for this look; empty: none were."""
    counted: str = ""
    """Up to where outcomes are counted with this look; empty: none are."""


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """Step `step` is passed."""

    step: int
    reason: str


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Of the challengers of step `step`, `model` goes on as the candidate; the plan is compiled anew for it."""

    step: int
    model: str
    reason: str
    compiled: CompiledPlan


class Flagged(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody changed the rules of the feature flag in step `step`: the run at work routes by them from now on."""

    step: int
    revision: int
    """Number of the change in this rollout; one that was made from older rules than the latest is void."""
    rules: tuple[Rule, ...]
    """All rules from now on."""
    by: str
    reason: str = ""


class Reallocated(msgspec.Struct, frozen=True, kw_only=True):
    """The weights of step `step` change while it is at work: a bandit follows the outcomes, or an arm has failed.

    A unit that begins from here on gets arm `a` with probability `propensities[a]`: with the beliefs that they rest on,
    this is what a later, off-policy look at the outcomes needs.
    """

    step: int
    revision: int
    """Number of the change of the routing in this rollout."""
    segments: tuple[tuple[str, int], ...]
    """Of the routing from now on, in basis points."""
    propensities: Mapping[str, float]
    """Arm → probability that a new unit gets it, 0..1."""
    reason: str
    beliefs: Mapping[str, Belief] = msgspec.field(default_factory=dict)
    """Arm → what is believed of it; empty where no race is under way."""


class Repaired(msgspec.Struct, frozen=True, kw_only=True):
    """The world was not as the journal says, and was put right (a router that had died)."""

    what: str


class Requested(msgspec.Struct, frozen=True, kw_only=True):
    """An order from any terminal: pause, resume, approve (sign the manual gates), promote, abort."""

    order: str
    by: str
    reason: str = ""
    full: bool = False
    """`promote --full`: all the way, past every gate that has not failed."""


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """The run stops here with the traffic where it is; `resume` goes on."""

    reason: str


class RollbackBegun(msgspec.Struct, frozen=True, kw_only=True):
    """From here on the only goal is all traffic on `to`."""

    to: str
    reason: str
    by: str


class RolledBack(msgspec.Struct, frozen=True, kw_only=True):
    """All traffic is on `to`."""

    to: str
    seconds: float
    """From the beginning of the rollback to the confirmed routing."""


class RollbackFailed(msgspec.Struct, frozen=True, kw_only=True):
    """The traffic could not be brought back; a human is needed."""

    to: str
    message: str


class Reopened(msgspec.Struct, frozen=True, kw_only=True):
    """The service answers again after an announced downtime."""

    downtime: float
    """Seconds in which nothing served."""


class Promoted(msgspec.Struct, frozen=True, kw_only=True):
    """The candidate is the live model now; the rollout is over."""

    model: str
    previous: str


class Reviewed(msgspec.Struct, frozen=True, kw_only=True):
    """What has become known since the promotion of the answers in step `step`, and what the gates say with it."""

    step: int
    look: Look
    verdicts: tuple[Verdict, ...] = ()
    mark: str = ""
    """Up to where answers were read."""


class BroughtUp(msgspec.Struct, frozen=True, kw_only=True):
    """The live model of a new service serves; the plan asked for nothing more."""

    model: str


class TornDown(msgspec.Struct, frozen=True, kw_only=True):
    """`mlship down` stopped the router and every model."""

    by: str


Event = (
    Started | Taken | Entered | Intended | Progressed | Done | Failed | Settled | Looked | Passed | Chosen | Flagged
    | Reallocated | Repaired | Requested | Parked | RollbackBegun | RolledBack | RollbackFailed | Reopened | Promoted
    | Reviewed | BroughtUp | TornDown
)  # fmt: skip


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An event as the journal holds it."""

    seq: int
    """Position in the journal; grows, without gaps within a service not promised."""
    service: str
    rollout: str
    at: float
    event: Event
    fence: int = 0
