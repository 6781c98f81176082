"""The router's container is started, and waited for until it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlship.clock import Clock
from mlship.dataplane.channel import eventually, reason
from mlship.dataplane.place import Place
from mlship.drivers.docker.daemon import one_line, reaching, told
from mlship.errors import OutOfReach, RoutingRefused

if TYPE_CHECKING:
    from docker import DockerClient

STARTED_WITHIN = 30.0
"""Seconds from the start to the first request that can be served."""

_TAKEN = ("port is already allocated", "address already in use", "cannot assign requested address", "ports are not")


def start(client: DockerClient, container: str, *, listen: str) -> None:
    """Start the router's container.

    Raises:
        OutOfReach: it cannot be started, or its port is taken.
    """
    from docker.errors import APIError

    try:
        with reaching("start the router"):
            client.api.start(container)
    except APIError as error:
        why = one_line(str(error.explanation or error))
        if not any(word in why for word in _TAKEN):
            hint = "its image must have Envoy as `envoy` (driver.docker.router.image)" if "executable" in why else ""
            cannot = told(error, "start the router")
            raise OutOfReach(cannot.message, hint=hint or cannot.hint) from error
        raise OutOfReach(
            f"the router cannot listen on {listen}: it is taken, or no address of the daemon's host",
            hint="stop what listens there (docker ps tells), or choose another address under driver.docker.listen",
        ) from error


def await_serving(place: Place, *, clock: Clock, since: str) -> None:
    """Wait until the router serves; `since` is the end that its log had.

    Raises:
        OutOfReach: it died, or is too old.
        RoutingRefused: it refuses its configuration.
    """
    from mlship.dataplane.envoy import listens, must_be_recent, refuses

    deadline = clock.now() + STARTED_WITHIN
    while not (place.running and listens(place.admin)):
        if place.running is None:
            raise OutOfReach(f"the router died at its start: {_why(place, clock, since)}", hint=place.log)
        if refuses(place.admin):
            raise RoutingRefused(f"the router refused its configuration: {_why(place, clock, since)}", hint=place.log)
        if clock.now() > deadline:
            raise OutOfReach(f"the router does not serve after {STARTED_WITHIN:g} s", hint=place.log)
        clock.sleep(0.05)
    must_be_recent(place.admin)


def _why(place: Place, clock: Clock, since: str) -> str:
    told = eventually(lambda: reason(place.said(since)), clock=clock)
    said = place.said(since)
    return told or (said[-1].strip()[:300] if said else "it says nothing")
