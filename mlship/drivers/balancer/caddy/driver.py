"""Driver `caddy`: what its nodes are, and how they say a routing."""

from __future__ import annotations

import hashlib

from mlship.drivers.abilities import CADDY
from mlship.drivers.balancer.caddy.admin import AdminApi
from mlship.drivers.balancer.caddy.language import CaddyLanguage
from mlship.drivers.balancer.caddy.node import CaddyNode
from mlship.drivers.balancer.caddy.settings import NodeSettings, settings_of
from mlship.drivers.balancer.driver import BalancerDriver
from mlship.drivers.balancer.fleet import Fleet
from mlship.drivers.base import Opening


class CaddyDriver(BalancerDriver):
    """`Driver` over Caddy."""

    capabilities = CADDY
    make = "Caddy"

    def __init__(self, opening: Opening) -> None:
        settings = settings_of(opening.spec.settings, service=opening.service)
        servers = {name: model.pool.servers for name, model in opening.models.items()}

        def node(told: NodeSettings) -> CaddyNode:
            called = hashlib.sha256(told.admin.encode()).hexdigest()[:12]
            return CaddyNode(
                api=AdminApi(address=told.admin),
                id=settings.id,
                log=told.log,
                servers=servers,
                sums=opening.state / "balancer" / opening.service / f"log-{called}.json",
                writes=opening.fence is not None,
            )

        fleet = Fleet(nodes=tuple(map(node, settings.nodes)))
        super().__init__(opening, fleet=fleet, language=CaddyLanguage(servers=servers), address=settings.listen)
