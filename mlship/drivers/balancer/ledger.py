"""What mlship has set last: what a balancer says is compared with it, and a change by somebody else is seen."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from mlship.plan.routing import Routing


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A routing, and the value by which the balancer says it."""

    routing: Routing
    value: str


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """All of it, for one service. No secret is ever in there."""

    set: Entry | None = None
    """What was confirmed last."""
    intent: Entry | None = None
    """What was being set when a run was cut short; nodes may have either."""
    taken: tuple[str, ...] = ()
    """Models whose pools this service works with."""

    def explains(self, value: str | None) -> Entry | None:
        """What mlship meant by a value that was found; None: it is not mlship's."""
        return next((entry for entry in (self.set, self.intent) if entry and entry.value == value), None)

    def with_taken(self, models: Iterable[str]) -> Ledger:
        """Another set of pools."""
        return msgspec.structs.replace(self, taken=tuple(sorted(set(models))))
