"""A routing as whole weights, `v1=9 v2=1`: in lowest terms, and without those that are 0.

So it is the same text however a balancer or its owner scale them, and whichever models a plan adds or leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import gcd, lcm
from typing import Literal

import msgspec

from mlship.errors import RoutingRefused
from mlship.plan.able import EVERYTHING
from mlship.plan.routing import Routing
from mlship.plan.weights import even, rounded

NOTHING = "0"
"""All of them are 0."""


class Scale(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """Which whole weights there are."""

    unit: Literal["model", "server"] = "model"
    total: int = 100
    """The most that all weights come to together."""
    max: int = 0
    """The most that one may be; 0: `total`."""
    reduce: bool = False
    """Divide them by what they have in common."""

    @property
    def most(self) -> int:
        """The most that one weight may be."""
        return self.max or self.total


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """`Language` in which models, or servers, have weights."""

    servers: Mapping[str, tuple[str, ...]]
    """Model → its servers."""
    scale: Scale

    def value_of(self, routing: Routing) -> str:
        """The routing as a value.

        Raises:
            RoutingRefused: weights cannot say it.
        """
        if routing.rules or routing.mirrors or routing.capture or routing.closed or routing.assign_by:
            raise RoutingRefused("weights divide requests, and do nothing else", hint=EVERYTHING)
        each = even(routing.weights, self.counts, most=self.scale.most, whole=self.scale.total)
        if each is None:
            shares = ", ".join(f"{model} {width / 100:g}%" for model, width in routing.weights.items())
            hint = "`mlship validate` names the nearest"
            raise RoutingRefused(f"no whole weights of this balancer are {shares}", hint=hint)
        return value_of({unit: Fraction(each.get(model, 0)) for unit, model in self.units.items()})

    def routing_of(self, value: str) -> Routing | None:
        """The shares that the weights come to, rounded to basis points."""
        sums = dict.fromkeys(self.servers, 0)
        for unit, weight in weights_in(value).items():
            model = self.units.get(unit, unit)
            sums[model] = sums.get(model, 0) + weight
        widths = rounded(sums)
        return Routing(segments=tuple(widths.items())) if widths else None

    def scaled(self, value: str) -> Mapping[str, int]:
        """The weight that each unit is given: the greatest that fit, or the smallest where that is asked for."""
        least = weights_in(value)
        fits = min(self.scale.most // max(least.values()), self.scale.total // sum(least.values())) if least else 1
        factor = 1 if self.scale.reduce else max(fits, 1)
        return {unit: least.get(unit, 0) * factor for unit in self.units}

    @property
    def counts(self) -> Mapping[str, int]:
        """How many weights each model has."""
        return {model: len(names) if self.by_server else 1 for model, names in self.servers.items()}

    @property
    def units(self) -> Mapping[str, str]:
        """What has a weight of its own → its model."""
        if not self.by_server:
            return {model: model for model in self.servers}
        return {server: model for model, names in self.servers.items() for server in names}

    @property
    def by_server(self) -> bool:
        """It is the servers that have weights."""
        return self.scale.unit == "server"


def value_of(weights: Mapping[str, Fraction]) -> str:
    """Weights as a value."""
    asked = {unit: weight for unit, weight in weights.items() if weight}
    if not asked:
        return NOTHING
    common = lcm(*(weight.denominator for weight in asked.values()))
    whole = {unit: int(weight * common) for unit, weight in asked.items()}
    unit_of_all = gcd(*whole.values())
    return " ".join(f"{unit}={weight // unit_of_all}" for unit, weight in sorted(whole.items()))


def weights_in(value: str) -> Mapping[str, int]:
    """The weights of a value, without those that are 0."""
    parts = (part.rpartition("=") for part in value.split())
    return {unit: int(weight) for unit, mark, weight in parts if mark}
