"""How much a backend has, where it tells: beyond the five verbs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from mlship.plan.capacity import Room
from mlship.plan.step import Step


@runtime_checkable
class Roomy(Protocol):
    """A driver whose models share one machine."""

    def room(self) -> Room:
        """What that machine has in all, whoever uses it.

        Raises:
            OutOfReach: the backend does not answer.
        """
        ...


@runtime_checkable
class Limited(Protocol):
    """A driver whose backend limits what there may be at once."""

    def shortages(self, steps: Sequence[Step]) -> Iterator[str]:
        """What of these steps is more than it allows, one sentence each.

        Raises:
            MlshipError: the backend does not tell.
        """
        ...
