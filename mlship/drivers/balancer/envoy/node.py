"""One Envoy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from mlship.clock import Clock
from mlship.drivers.balancer.endpoint import LOST, Endpoint
from mlship.drivers.balancer.envoy.counts import counted, started
from mlship.drivers.balancer.envoy.keys import (
    ASIDE,
    CLOSED,
    MIRROR,
    SPLIT,
    Words,
    decoded,
    encoded,
    fraction,
    prefix,
    told,
)
from mlship.drivers.balancer.envoy.routes import defaults
from mlship.drivers.balancer.health import asked
from mlship.drivers.balancer.node import Server
from mlship.drivers.balancer.untouched import must_be
from mlship.drivers.trouble import Trouble
from mlship.errors import OutOfReach, RoutingRefused, UsageError
from mlship.metrics.counters import Tally
from mlship.plan.model import Model

PRINTED = "its configuration needs the lines that `mlship init --driver envoy` prints"
ROUTES = "/config_dump?mask=static_route_configs,dynamic_route_configs"


class EnvoyNode(msgspec.Struct, frozen=True, kw_only=True):
    """`Node` over the administration of an Envoy."""

    endpoint: Endpoint
    service: str
    clusters: Mapping[str, str]
    """Model → cluster."""
    preview: tuple[str, str]
    clock: Clock

    @property
    def name(self) -> str:
        """Where its administration listens."""
        return self.endpoint.address

    def read(self) -> str | None:
        """What our keys come to: the runtime's, else the configuration's."""
        known = defaults(self.routes(), prefix=prefix(self.service))
        if not any(key.startswith(f"{SPLIT}.") for key in known):
            why = f"has no route whose weights follow {prefix(self.service)}{SPLIT}"
            raise RoutingRefused(f"Envoy {self.name} {why}", hint=PRINTED)
        live = {key: told(key, text) for key, text in self.overrides().items() if key in known}
        return encoded({**known, **live})

    def swap(self, value: str, before: str | None) -> None:
        """A step forward: what somebody else gives to clusters that are not of the plan is not taken away.

        Raises:
            Changed: it was another value by then; nothing was changed.
        """
        must_be(before, self.read(), who=f"Envoy {self.name}")
        self._set(self._all(value))
        self._must_be(value, self.read())

    def write(self, value: str | None) -> None:
        """Set all keys by one request, and read them back: Envoy answers 200 to whatever it is told."""
        if value is None:
            return
        words = self._all(value)
        self._set(words)
        if (found := self.read()) != value:
            # What is not of the plan, such as a model that was live once, would keep its users.
            self._set(dict.fromkeys((decoded(found or "") or {}).keys() - words.keys(), 0))
            found = self.read()
        self._must_be(value, found)

    def _all(self, value: str) -> Mapping[str, Words]:
        """Every key of the plan, also those that come to nothing."""
        words = decoded(value)
        assert words is not None
        return {key: words.get(key, 0) for key in {*self._keys(), *words}}

    def _must_be(self, value: str, found: str | None) -> None:
        if found != value:
            raise RoutingRefused(f"Envoy {self.name} did not take the split: it has {found}", hint=PRINTED)

    def _set(self, words: Mapping[str, Words]) -> None:
        if not words:
            return
        texts = {key: str(each) if key.startswith(f"{SPLIT}.") else fraction(int(each)) for key, each in words.items()}
        query = "&".join(f"{quote(prefix(self.service) + key)}={quote(text)}" for key, text in texts.items())
        reply = self.endpoint.ask("POST", f"/runtime_modify?{query}")
        if reply is not LOST and reply.status != 200:
            hint = "add `admin_layer: {}` as the last layer of its `layered_runtime`"
            raise RoutingRefused(f"Envoy {self.name} did not take the split: {reply.text.strip()}", hint=hint)

    def kept(self) -> str | None:
        """Nothing: with a restart Envoy has what its configuration says."""
        return None

    def keep(self, value: str | None) -> None:
        """Nothing can be kept."""

    def pool(self, model: Model) -> Sequence[Server]:
        """The hosts of the model's cluster; those that Envoy does not check are asked by the model's health path."""
        cluster = self.clusters.get(model.name, model.name)
        statuses = json.loads(self.get("/clusters?format=json")).get("cluster_statuses") or []
        found = next((status for status in statuses if status.get("name") == cluster), None)
        if found is None:
            hint = f"add it to the configuration, or name the right one: `{model.name}: {{ backend: NAME }}`"
            raise UsageError(f"Envoy {self.name} has no cluster {cluster}", hint=hint)
        checked = "attempt" in self.get(f"/stats?filter={quote(f'^cluster[.]{cluster}[.]health_check[.]attempt$')}")
        return [_host(status, model, checked=checked) for status in found.get("host_statuses") or []]

    def counts(self) -> tuple[str, Mapping[str, Tally]]:
        """Answers by cluster, and their latencies."""
        return started(self.get), counted(self.get, self.clusters, self.clock.sleep)

    def troubles(self) -> Iterator[Trouble]:
        """Reach, runtime layer, routes, clusters, statistics."""
        from mlship.drivers.balancer.envoy.doctor import examine

        return examine(self)

    def routes(self) -> Any:  # noqa: ANN401 - JSON
        """All route configurations.

        Raises:
            OutOfReach: it does not answer.
        """
        return json.loads(self.get(ROUTES))

    def overrides(self) -> Mapping[str, str]:
        """Our keys that the runtime has, without what they all begin with.

        Raises:
            OutOfReach: it does not answer.
        """
        mine = prefix(self.service)
        entries = json.loads(self.get("/runtime?format=json")).get("entries") or {}
        return {
            key.removeprefix(mine): str(entry.get("final_value", ""))
            for key, entry in entries.items()
            if key.startswith(mine)
        }

    def get(self, path: str) -> str:
        """An answer of the administration.

        Raises:
            OutOfReach: there is none, or a refusal.
        """
        reply = self.endpoint.get(path)
        if reply.status != 200:
            why = reply.text.strip()[:200] or f"status {reply.status}"
            raise OutOfReach(
                f"Envoy {self.name} does not tell {path.partition('?')[0]}: {why}", hint="see `allow_paths`"
            )
        return reply.text

    def _keys(self) -> Iterator[str]:
        yield CLOSED
        for cluster in self.clusters.values():
            yield from (f"{kind}.{cluster}" for kind in (SPLIT, ASIDE, MIRROR))


def _host(status: Mapping[str, Any], model: Model, *, checked: bool) -> Server:
    where = (status.get("address") or {}).get("socket_address") or {}
    name = f"{where.get('address')}:{where.get('port_value')}"
    health = dict(status.get("health_status") or {})
    eds = str(health.pop("eds_health_status", "HEALTHY"))
    if eds == "DRAINING" or not where:
        return Server(name=name, up=False, parked=True, told=eds)
    if health or eds not in {"HEALTHY", "UNKNOWN"}:
        return Server(name=name, up=False, told=", ".join(health) or eds)
    return Server(name=name, up=True) if checked else asked(name, model)
