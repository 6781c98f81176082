"""What `mlship doctor` finds about one Envoy that is somebody else's. Nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlship.drivers.balancer.envoy.keys import CLOSED, SPLIT, prefix, told
from mlship.drivers.balancer.envoy.routes import defaults, offered
from mlship.drivers.balancer.exposure import exposed
from mlship.drivers.trouble import Trouble
from mlship.errors import MlshipError

if TYPE_CHECKING:
    from mlship.drivers.balancer.envoy.node import EnvoyNode

PRINTED = "`mlship init --driver envoy` prints what its configuration needs"
_PARTS = ("admin", "stats_flush_on_admin", "layered_runtime")
CONFIG = "/config_dump?mask=" + quote(",".join(f"bootstrap.{part}" for part in _PARTS), safe=",.")


def examine(node: EnvoyNode) -> Iterator[Trouble]:
    """Reach, who can reach it, runtime layer, routes, values, clusters, statistics."""
    try:
        configs = json.loads(node.get(CONFIG)).get("configs") or [{}]
        yield from _bootstrap(node, configs[0].get("bootstrap") or {})
        routes = node.routes()
        known = defaults(routes, prefix=prefix(node.service))
        node.read()
        yield from _keys(node, known)
        yield from _values(node)
        for cluster, asked in offered(routes, prefix=prefix(node.service)).items():
            if asked != node.preview:
                why = f"Envoy {node.name} leads to {cluster} by header {'='.join(asked)}, not {'='.join(node.preview)}"
                yield Trouble(message=why, hint="name it in the driver's `preview`", grave=False)
    except MlshipError as error:
        yield Trouble(message=error.message, hint=error.hint)


def _bootstrap(node: EnvoyNode, bootstrap: dict[str, Any]) -> Iterator[Trouble]:
    listens = ((bootstrap.get("admin") or {}).get("address") or {}).get("socket_address")
    if listens:
        address = f"{listens['address']}:{listens['port_value']}"
        yield from exposed(f"Envoy {node.name}", [address], setting="the `address` of its `admin`")
    layers = (bootstrap.get("layered_runtime") or {}).get("layers") or []
    if layers and "admin_layer" not in layers[-1]:
        hint = "add `{name: admin, admin_layer: {}}` as the last layer of its `layered_runtime`"
        yield Trouble(
            message=f"Envoy {node.name} takes no split: the last layer of its runtime is not admin", hint=hint
        )
    if not bootstrap.get("stats_flush_on_admin"):
        why = f"Envoy {node.name} tells latencies only every few seconds, while requests are counted at once"
        yield Trouble(message=why, hint="add `stats_flush_on_admin: true` to its configuration", grave=False)


def _keys(node: EnvoyNode, known: dict[str, int] | Any) -> Iterator[Trouble]:  # noqa: ANN401
    for model, cluster in node.clusters.items():
        if f"{SPLIT}.{cluster}" not in known:
            hint = f"add it to the route's clusters, or name the right one: `{model}: {{ backend: NAME }}`"
            yield Trouble(message=f"Envoy {node.name} has no cluster {cluster} in its split", hint=hint)
    serving = [cluster for cluster in node.clusters.values() if known.get(f"{SPLIT}.{cluster}")]
    if len(serving) > 1 or known.get(CLOSED):
        why = f"a restart of Envoy {node.name} gives traffic to {', '.join(serving)}: its configuration says so"
        yield Trouble(message=why, hint="give all clusters but the live model's the weight 0 there", grave=False)


def _values(node: EnvoyNode) -> Iterator[Trouble]:
    for key, text in node.overrides().items():
        if isinstance(told(key, text), str):
            why = f"the runtime of Envoy {node.name} has {prefix(node.service)}{key}={text}, which means nothing to it"
            yield Trouble(message=why, hint="the next change sets it right")
