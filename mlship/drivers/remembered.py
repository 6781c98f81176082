"""What a backend remembers of a service for those who have no journal of it: for `mlship adopt`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import msgspec


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """A service as the latest rollout knew it; references to the environment stay references."""

    plan: Mapping[str, Any]
    base: str
    models: Mapping[str, Mapping[str, Any]]
    """Every model that the service has had, as its plan has it."""
    live: str
    """The model that the rollout departed from."""
    rollout: str = ""
    fence: int = 0
    """The highest fencing number that the backend knows."""


@runtime_checkable
class Remembering(Protocol):
    """A driver that can be opened without a journal."""

    def remembered(self) -> Remembered | None:
        """What the backend knows of the service; None: nothing of it is there."""
        ...


@runtime_checkable
class Pinning(Protocol):
    """A driver whose models are named by what may come to mean something else: an image's tag, a folder."""

    def pinned(
        self, models: Mapping[str, Mapping[str, Any]], *, known: Mapping[str, Mapping[str, Any]], provide: bool
    ) -> Mapping[str, Mapping[str, Any]]:
        """The documents of the models, each with what it means now; `known` are those of earlier rollouts.

        With `provide` what is missing is fetched or built first. Nothing that serves is touched.

        Raises:
            UsageError: something does not exist, or cannot be built.
            OutOfReach: it cannot be fetched.
        """
        ...
