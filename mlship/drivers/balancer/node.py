"""What one balancer must be able to do, whatever its make, and how it says a routing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from mlship.drivers.trouble import Trouble
from mlship.errors import RoutingRefused
from mlship.metrics.counters import Tally
from mlship.plan.model import Model
from mlship.plan.routing import Routing


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One server of a pool, as its balancer sees it."""

    name: str
    up: bool
    """It gets requests."""
    parked: bool = False
    """Its owner has taken it out: it is not waited for."""
    told: str = ""
    """The balancer's own words for its state."""


class Node(Protocol):
    """One balancer process. A value is its own form of a routing: one text that says all of it.

    Raises, from every method:
        OutOfReach: it does not answer.
    """

    @property
    def name(self) -> str:
        """How people tell it from the others: its address."""
        ...

    def read(self) -> str | None:
        """The value that is live; None: there is none for this service."""
        ...

    def write(self, value: str | None) -> None:
        """Make the value live, confirmed by reading it back; None removes it.

        Raises:
            RoutingRefused: it was not taken.
        """
        ...

    def kept(self) -> str | None:
        """The value that comes back with a restart; None where that is not known."""
        ...

    def keep(self, value: str | None) -> None:
        """Have the value come back with a restart.

        Raises:
            OutOfReach: it cannot be written; what was kept before still is.
        """
        ...

    def pool(self, model: Model) -> Sequence[Server]:
        """The model's servers.

        Raises:
            UsageError: the balancer knows no such pool.
        """
        ...

    def counts(self) -> tuple[str, Mapping[str, Tally]]:
        """(which life of the balancer, cumulative counters per model)."""
        ...

    def troubles(self) -> Iterator[Trouble]:
        """What of its configuration or of mlship's rights stands in the way. Changes nothing."""
        ...


class Changed(RoutingRefused):
    """Somebody else has changed the node, or made it unfit for the change: it is as they have left it, and stays so."""


@runtime_checkable
class Swapping(Protocol):
    """A node that can tell whether its value is still the one that a change starts from."""

    def swap(self, value: str, before: str | None) -> None:
        """As `Node.write`, and only over `before`.

        Raises:
            Changed: it was another value by then; nothing was changed.
        """
        ...


class Language(Protocol):
    """How a make of balancer says a routing."""

    def value_of(self, routing: Routing) -> str:
        """The routing as a value.

        Raises:
            RoutingRefused: it cannot be said, and why.
        """
        ...

    def routing_of(self, value: str) -> Routing | None:
        """What a value that was found means, as far as it tells; None: nothing that mlship would write."""
        ...
