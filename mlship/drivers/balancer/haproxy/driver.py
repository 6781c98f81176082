"""Driver `haproxy`: what its nodes are, and how they say a routing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from mlship.drivers.abilities import HAPROXY, HAPROXY_WEIGHTS
from mlship.drivers.balancer.driver import BalancerDriver
from mlship.drivers.balancer.fleet import Fleet
from mlship.drivers.balancer.haproxy.api import RuntimeApi
from mlship.drivers.balancer.haproxy.language import MapLanguage
from mlship.drivers.balancer.haproxy.node import HaproxyNode
from mlship.drivers.balancer.haproxy.parking import Parking
from mlship.drivers.balancer.haproxy.settings import NodeSettings, Settings, settings_of
from mlship.drivers.balancer.haproxy.weight_language import WeightLanguage
from mlship.drivers.balancer.haproxy.weights import WeightNode
from mlship.drivers.balancer.node import Language, Node
from mlship.drivers.base import Opening
from mlship.plan.model import Capability


class HaproxyDriver(BalancerDriver):
    """`Driver` over HAProxy."""

    capabilities = HAPROXY
    make = "HAProxy"

    def __init__(self, opening: Opening) -> None:
        settings = settings_of(opening.spec.settings)
        if settings.layout == "weights":
            self.capabilities = HAPROXY_WEIGHTS
        elif not settings.mirror:
            self.capabilities = HAPROXY - {Capability.MIRROR}
        fleet, language = (_by_weights if settings.layout == "weights" else _by_map)(opening, settings)
        super().__init__(opening, fleet=fleet, language=language, address=settings.listen)


def _by_map(opening: Opening, settings: Settings) -> tuple[Fleet, Language]:
    backends = {name: model.pool.backend or name for name, model in opening.models.items()}

    def node(told: NodeSettings) -> Node:
        return HaproxyNode(
            api=RuntimeApi(address=told.socket),
            map=told.map,
            key=opening.service,
            persist=told.persist,
            ring=settings.ring,
            backends=backends,
            sums=_sums(opening, told),
            writes=opening.fence is not None,
        )

    return Fleet(nodes=tuple(map(node, settings.nodes))), _map_language(backends, settings)


def _map_language(backends: Mapping[str, str], settings: Settings) -> Language:
    return MapLanguage(backends=backends, preview=settings.preview, mirror=settings.mirror)


def _by_weights(opening: Opening, settings: Settings) -> tuple[Fleet, Language]:
    servers = {name: model.pool.servers for name, model in opening.models.items()}

    def node(told: NodeSettings) -> Node:
        return WeightNode(
            api=RuntimeApi(address=told.socket),
            backend=settings.backend,
            servers=servers,
            state_file=told.state_file,
            persist=told.persist,
            ring=settings.ring,
            sums=_sums(opening, told),
            parking=Parking(file=_kept(opening, told, "parked")),
            writes=opening.fence is not None,
        )

    return Fleet(nodes=tuple(map(node, settings.nodes))), WeightLanguage(servers=servers)


def _sums(opening: Opening, told: NodeSettings) -> Path:
    return _kept(opening, told, "latency").with_suffix(".json")


def _kept(opening: Opening, told: NodeSettings, what: str) -> Path:
    called = hashlib.sha256(told.socket.encode()).hexdigest()[:12]
    return opening.state / "balancer" / opening.service / f"{what}-{called}"
