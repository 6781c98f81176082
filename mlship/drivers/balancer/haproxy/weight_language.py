"""How the weights of one backend's servers say a routing.

The value of a routing is the weight of every server, `a=99 b=99 c=2`, absolute: a weight in percent would be one of the
weight in the configuration, and stay 0 where that is 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mlship.errors import RoutingRefused
from mlship.plan.routing import Routing
from mlship.plan.weights import rounded, spread, totals

BY_MAP = "use `layout: map`, which can"


class WeightLanguage(msgspec.Struct, frozen=True, kw_only=True):
    """For models on these servers."""

    servers: Mapping[str, tuple[str, ...]]
    """Model → its servers."""

    def value_of(self, routing: Routing) -> str:
        """The routing as a value.

        Raises:
            RoutingRefused: server weights cannot say it.
        """
        if routing.rules or routing.mirrors or routing.capture or routing.closed or routing.assign_by:
            raise RoutingRefused("weights of servers divide requests, and do nothing else", hint=BY_MAP)
        counts = {model: len(names) for model, names in self.servers.items()}
        sums = totals(routing.weights, counts)
        if sums is None:
            shares = ", ".join(f"{model} {width / 100:g}%" for model, width in routing.weights.items())
            raise RoutingRefused(f"no whole weights of these servers are {shares}", hint=BY_MAP)
        weights = {
            name: weight
            for model, names in self.servers.items()
            for name, weight in zip(names, spread(sums.get(model, 0), len(names)), strict=True)
        }
        return " ".join(f"{name}={weight}" for name, weight in weights.items())

    def routing_of(self, value: str) -> Routing | None:
        """The shares that the weights come to, rounded to basis points."""
        found = weights_of(value)
        sums = {model: sum(found.get(name, 0) for name in names) for model, names in self.servers.items()}
        widths = rounded(sums)
        return Routing(segments=tuple(widths.items())) if widths else None


def weights_of(value: str) -> Mapping[str, int]:
    """Server → weight."""
    return {name: int(weight) for name, _, weight in (part.partition("=") for part in value.split())}
