"""What placeholders may look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from mlship.drivers.balancer.rest.settings import NodeSettings
from mlship.drivers.balancer.rest.template import Context
from mlship.drivers.balancer.wholes import Weights


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a plan and of one of its balancers."""

    node: NodeSettings
    weights: Weights
    backends: Mapping[str, str]
    """Model → how the balancer calls it."""
    vars: Mapping[str, Any]

    def context(self, captured: Mapping[str, str]) -> Context:
        """Without a split: for readings."""
        shown = {"url": self.node.url, "users": self.node.users}
        return {"vars": self.vars, "node": shown, "captured": captured}

    def of(self, value: str, captured: Mapping[str, str], token: str) -> Context:
        """For a change to that value."""
        split = self.weights.scaled(value)
        models, servers = list(self.models(split)), list(self.servers(split))
        return {
            **self.context(captured),
            "weight": {model["name"]: model["weight"] for model in models},
            "models": models,
            "servers": servers,
            "token": token,
        }

    def each(self, split: Mapping[str, int] | None = None) -> Mapping[str, Mapping[str, Any]]:
        """What has a weight of its own → what `{{ each }}` is for it."""
        listed = self.servers(split) if self.weights.by_server else self.models(split)
        return {one["address"] if self.weights.by_server else one["name"]: one for one in listed}

    def models(self, split: Mapping[str, int] | None = None) -> Iterator[dict[str, Any]]:
        """Each model; its weight is that of all its servers."""
        for place, (model, names) in enumerate(self.weights.servers.items()):
            units = names if self.weights.by_server else (model,)
            told = {} if split is None else {"weight": sum(split[unit] for unit in units)}
            yield {"index": place, "name": model, "backend": self.backends[model], "servers": list(names), **told}

    def servers(self, split: Mapping[str, int] | None = None) -> Iterator[dict[str, Any]]:
        """Each server; where models have the weights, that of its model."""
        place = 0
        for model, names in self.weights.servers.items():
            for name in names:
                host, _, port = name.rpartition(":")
                told = {} if split is None else {"weight": split[name if self.weights.by_server else model]}
                where = {"address": name, "host": host.strip("[]"), "port": int(port)}
                yield {"index": place, **where, "model": model, "backend": self.backends[model], **told}
                place += 1
