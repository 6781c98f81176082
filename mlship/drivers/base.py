"""What a driver is: five verbs, each idempotent, and what it can do.

A driver is opened for one service, with the plan's models and a fencing number, by its factory (entry-point group
`mlship.drivers`). The higher fencing number wins: once a driver with a higher one has been opened for the service,
`ensure`, `route`, `retire` and `shutdown` of all older ones raise `LeaseLost` and change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from mlship.clock import Clock
from mlship.metrics.counters import Counters
from mlship.plan.model import Capability, DriverSpec, Model
from mlship.plan.routing import Routing


class ObservedModel(msgspec.Struct, frozen=True, kw_only=True):
    """Replicas of a model that run, and those of them that pass their health check now."""

    running: int = 0
    ready: int = 0
    restarts: int = 0
    """Times that one of them has died and was started again by the backend."""


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """What is really there: asked of the world, never remembered."""

    routing: Routing | None = None
    """The routing that is live, or that comes back with the router; None: there never was one."""
    models: Mapping[str, ObservedModel] = msgspec.field(default_factory=dict)
    router: bool = False
    """The router runs and answers."""
    unreachable: bool = False
    """No router answers, and none is mlship's to start: a model of which nothing is seen may well run."""
    address: str = ""
    """Where users send their requests, "127.0.0.1:8080"."""


class Driver(Protocol):
    """Hands on a backend. Every verb may be called again with the same argument and then changes nothing.

    Raises, from every verb:
        OutOfReach: the backend does not answer.
        LeaseLost: a driver with a higher fencing number holds the service.
    """

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this driver can do beyond the five verbs."""
        ...

    def observe(self) -> Observed:
        """What runs, what is ready, and what the routing really is. Changes nothing."""
        ...

    def ensure(self, model: str, replicas: int) -> None:
        """Start or drain replicas until exactly `replicas` run and each has passed its health check.

        Raises:
            ModelNotReady: a replica died or did not pass in time; what this call started is stopped again.
        """
        ...

    def route(self, routing: Routing) -> None:
        """Make `routing` the live one, all or nothing, confirmed by reading it back; a router that is down is started.

        Raises:
            RoutingRefused: the router did not take it; the routing before is live.
        """
        ...

    def measure(self) -> Counters:
        """Cumulative counters per model since the router started."""
        ...

    def retire(self, model: str) -> None:
        """Drain and stop every replica of a model that gets no traffic."""
        ...

    def shutdown(self) -> None:
        """Drain and stop the router, then every model: nothing of the service is left running."""
        ...


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver is opened with."""

    service: str
    spec: DriverSpec
    models: Mapping[str, Model]
    fence: int | None
    """The fencing number; None opens it for looking only: `observe` and `measure`."""
    state: Path
    """The folder of mlship's state; a driver keeps its own under it."""
    clock: Clock
    base: Path = Path()
    """Folder that relative paths in the models' documents start from."""
    rollout: str = ""
    """The rollout that opens it, for labels; empty: none is under way."""
    asked: Routing | None = None
    """The routing that the journal holds for confirmed; None: none, or the service is down."""
    intended: Routing | None = None
    """The one that was being set when a run was cut short."""
    remember: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """What a backend may keep for those who have no journal: the fields of `drivers.remembered.Remembered`."""


class DriverFactory(Protocol):
    """What an entry point of the group `mlship.drivers` loads."""

    capabilities: frozenset[Capability]

    def __call__(self, opening: Opening) -> Driver:
        """Open the driver; quick, and without side effects beyond claiming the fencing number."""
        ...
