"""A driver that does better when it knows the routing that is to follow, before the models for it are ensured."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from mlship.plan.routing import Routing


@runtime_checkable
class Announced(Protocol):
    """A driver whose every change takes minutes: what belongs together is one change."""

    def expect(self, routing: Routing, *, insist: bool) -> None:
        """`routing` is what the next verbs lead to; no traffic is touched. `insist`: as in `Insisting`, they all do."""
        ...
