"""Driver `haproxy`: what its nodes are, and how they say a routing."""

from __future__ import annotations

import hashlib

from mlship.drivers.abilities import HAPROXY
from mlship.drivers.balancer.driver import BalancerDriver
from mlship.drivers.balancer.fleet import Fleet
from mlship.drivers.balancer.haproxy.api import RuntimeApi
from mlship.drivers.balancer.haproxy.language import MapLanguage
from mlship.drivers.balancer.haproxy.node import HaproxyNode
from mlship.drivers.balancer.haproxy.settings import NodeSettings, settings_of
from mlship.drivers.base import Opening


class HaproxyDriver(BalancerDriver):
    """`Driver` over HAProxy."""

    capabilities = HAPROXY
    make = "HAProxy"

    def __init__(self, opening: Opening) -> None:
        settings = settings_of(opening.spec.settings)
        backends = {name: model.pool.backend or name for name, model in opening.models.items()}
        folder = opening.state / "balancer" / opening.service

        def node(told: NodeSettings) -> HaproxyNode:
            called = hashlib.sha256(told.socket.encode()).hexdigest()[:12]
            return HaproxyNode(
                api=RuntimeApi(address=told.socket),
                map=told.map,
                key=opening.service,
                persist=told.persist,
                ring=settings.ring,
                backends=backends,
                sums=folder / f"latency-{called}.json",
                writes=opening.fence is not None,
            )

        super().__init__(
            opening,
            fleet=Fleet(nodes=tuple(map(node, settings.nodes))),
            language=MapLanguage(backends=backends, preview=settings.preview),
            address=settings.listen,
        )
