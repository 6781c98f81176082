"""A routing as weights of servers, the smallest that have exactly these shares, and rules that look at headers.

Caddy gives a server all the requests of its weight in a row before the next one has its turn, and begins anew with each
change: the smaller the weights, the sooner the shares are true.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mlship.drivers.balancer.caddy.block import Aside, Split, decoded, encoded
from mlship.errors import RoutingRefused
from mlship.plan.able import EVERYTHING
from mlship.plan.balancer.caddy import MOST_IN_A_ROUND, in_a_round, is_exact
from mlship.plan.routing import WHOLE, Routing, all_to
from mlship.plan.rule import Part, Rule
from mlship.plan.weights import rounded


class CaddyLanguage(msgspec.Struct, frozen=True, kw_only=True):
    """For models on these servers."""

    servers: Mapping[str, tuple[str, ...]]
    """Model → addresses."""

    def value_of(self, routing: Routing) -> str:
        """The routing as a value.

        Raises:
            RoutingRefused: Caddy cannot do it.
        """
        if routing.closed:
            return encoded(Split(closed=True))
        if routing.mirrors or routing.capture:
            raise RoutingRefused("Caddy copies no requests and keeps no answers", hint=EVERYTHING)
        rules = tuple(self._aside(rule) for rule in routing.rules)
        counts = {model: len(self._addresses(model)) for model in routing.weights}
        weights = in_a_round(routing.weights, counts)
        if weights is None:
            shares = ", ".join(f"{model} {width / 100:g}%" for model, width in routing.weights.items())
            raise RoutingRefused(
                f"Caddy would have these shares only after more than {MOST_IN_A_ROUND} requests: {shares}",
                hint="use shares in steps of 1%",
            )
        order = [model for model in self.servers if model in weights]
        servers = tuple((address, weights[model]) for model in order for address in self._addresses(model))
        return encoded(Split(servers=servers, rules=rules))

    def routing_of(self, value: str) -> Routing | None:
        """The shares that the weights come to, rounded to basis points; not whose requests the rules lead where."""
        split = decoded(value)
        if split is None or any(weight < 0 for _, weight in split.servers):
            return None
        if split.closed:
            return all_to(next(iter(self.servers), "none"), closed=True)
        models = {address: model for model, addresses in self.servers.items() for address in addresses}
        sums: dict[str, int] = {}
        for address, weight in split.servers:
            model = models.get(address, address)
            sums[model] = sums.get(model, 0) + weight
        segments = tuple(rounded(sums).items())
        return Routing(segments=segments) if segments else None

    def _aside(self, rule: Rule) -> Aside:
        exact = all(each.part is Part.HEADER and each.values and not each.absent for each in rule.when)
        if not rule.when or not exact or rule.share != WHOLE:
            raise RoutingRefused("Caddy follows rules that ask for values of headers", hint=EVERYTHING)
        if not all(is_exact(value) for each in rule.when for value in each.values):
            raise RoutingRefused("values of headers with * would match more in Caddy", hint="leave the * out")
        headers = tuple(sorted((each.name, each.values) for each in rule.when))
        return Aside(headers=headers, servers=self._addresses(rule.model))

    def _addresses(self, model: str) -> tuple[str, ...]:
        addresses = self.servers.get(model, ())
        if not addresses:
            raise RoutingRefused(f"nothing says which servers {model} has", hint="add `servers` to the model")
        return addresses
