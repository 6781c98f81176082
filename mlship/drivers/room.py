"""How much a backend has, where it tells: beyond the five verbs."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from mlship.plan.capacity import Room


@runtime_checkable
class Roomy(Protocol):
    """A driver whose models share one machine."""

    def room(self) -> Room:
        """What that machine has in all, whoever uses it.

        Raises:
            OutOfReach: the backend does not answer.
        """
        ...
