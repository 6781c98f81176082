"""Where a driver is tested."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from mlship.drivers.base import Driver


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A backend with three models: v1 and v2 are sound, `sick` never passes its health check."""

    open: Callable[[int | None], Driver]
    """The service's driver with that fencing number."""
    traffic: Callable[[], None]
    """Let users send some requests."""
    kill_router: Callable[[], None]
    revive_router: Callable[[], None] = lambda: None
    """Start it again, where that is its owner's business and not the driver's."""
    load: Callable[[], AbstractContextManager[object]] = nullcontext
    """Users who ask all the time, where there is a balancer that they can ask."""
