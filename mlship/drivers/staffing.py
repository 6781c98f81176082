"""What hiring and dismissing replicas is for drivers `process` and `docker` alike: upstreams, numbers, patience."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from mlship.clock import Clock
from mlship.dataplane.router import Router
from mlship.dataplane.upstream import Endpoint, Upstream
from mlship.plan.routing import Routing

GRACE = 10.0
"""Seconds that a replica without requests gets to end by itself."""

LOG_LINES = 20
"""The last lines of a replica that did not come up: as many as are told."""

_LOOK = 0.05
"""Seconds between two looks at requests under way."""


def with_absent(
    serving: Sequence[Upstream], routings: Iterable[Routing | None], absent: Callable[[str], Upstream]
) -> Sequence[Upstream]:
    """The models that serve, and those that a routing names although none of their replicas is left."""
    named = {model for routing in routings if routing and not routing.closed for model in routing.models}
    return [*serving, *map(absent, sorted(named - {upstream.name for upstream in serving}))]


def free_number(taken: set[int]) -> int:
    """The lowest number of a replica, from 1, that no other one of its model has."""
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def await_idle(router: Router, endpoints: Mapping[str, Sequence[Endpoint]], *, patience: float, clock: Clock) -> None:
    """Wait until the router has no request on these endpoints of models, `patience` seconds at most."""
    deadline, quiet = clock.now() + patience, 0
    # Twice, because a worker of the router may still begin a request under the configuration before.
    while quiet < 2 and clock.now() < deadline and router.running:
        busy = sum(router.active(model, found) for model, found in endpoints.items())
        quiet = 0 if busy else quiet + 1
        clock.sleep(_LOOK)
