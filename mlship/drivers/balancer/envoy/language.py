"""A routing as values of runtime keys; all of them are set by one request."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mlship.drivers.balancer.envoy.keys import ASIDE, CLOSED, MIRROR, SPLIT, Words, decoded, encoded
from mlship.errors import RoutingRefused
from mlship.plan.able import EVERYTHING
from mlship.plan.routing import WHOLE, Mirror, Routing
from mlship.plan.rule import Condition, Part, Rule
from mlship.plan.weights import rounded


class EnvoyLanguage(msgspec.Struct, frozen=True, kw_only=True):
    """For models in these clusters."""

    clusters: Mapping[str, str]
    """Model → cluster."""
    preview: tuple[str, str]
    """(header in lower case, value) that the configuration's routes look at."""

    def value_of(self, routing: Routing) -> str:
        """The routing as a value.

        Raises:
            RoutingRefused: these keys cannot say it.
        """
        if routing.capture or routing.assign_by:
            raise RoutingRefused("this Envoy keeps no answers, and no user on one model", hint=EVERYTHING)
        if routing.mirrors and len(routing.weights) > 1:
            hint = "have the shadow stage before the others"
            raise RoutingRefused("Envoy would copy the candidate's requests, too", hint=hint)
        words: dict[str, Words] = {}
        for model, width in routing.weights.items():
            words[f"{SPLIT}.{self._cluster(model)}"] = width
        for rule in routing.rules:
            words[f"{ASIDE}.{self._cluster(self._aside(rule))}"] = WHOLE
        for mirror in routing.mirrors:
            words[f"{MIRROR}.{self._cluster(mirror.model)}"] = mirror.share
        return encoded({**words, CLOSED: WHOLE if routing.closed else 0})

    def routing_of(self, value: str) -> Routing | None:
        """The shares, rounded to basis points, and the copies of a value; of rules it tells nothing."""
        words = decoded(value)
        if not words or not all(isinstance(each, int) for each in words.values()):
            return None
        widths = rounded(self._under(words, SPLIT))
        copies = self._under(words, MIRROR)
        mirrors = tuple(Mirror(model=model, share=share) for model, share in copies.items())
        closed = words.get(CLOSED) == WHOLE
        return Routing(segments=tuple(widths.items()), mirrors=mirrors, closed=closed) if widths else None

    def _under(self, words: Mapping[str, Words], kind: str) -> dict[str, int]:
        models = {cluster: model for model, cluster in self.clusters.items()}
        found = ((key.partition(".")[2], int(each)) for key, each in words.items() if key.startswith(f"{kind}."))
        return {models.get(cluster, cluster): each for cluster, each in found}

    def _aside(self, rule: Rule) -> str:
        header, value = self.preview
        match rule:
            case Rule(when=(Condition(part=Part.HEADER, name=name, values=(asked,)),), share=10_000):
                if (name, asked) == (header, value):
                    return rule.model
        raise RoutingRefused(f"Envoy's routes follow one rule: header {header} with the value {value}", hint=EVERYTHING)

    def _cluster(self, model: str) -> str:
        return self.clusters.get(model, model)
