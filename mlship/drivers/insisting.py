"""A driver whose router is somebody else's, too: a step forward respects what they have set, the way back does not."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from mlship.plan.routing import Routing


@runtime_checkable
class Insisting(Protocol):
    """A driver whose `route` refuses where somebody else has changed the routing, or where one of its nodes is away."""

    def insist(self, routing: Routing) -> None:
        """Make `routing` live whatever there is, at once, wherever that is possible.

        Raises:
            OutOfReach: a part could not be reached; all others have it.
            RoutingRefused: a part did not take it; all others have it.
        """
        ...
