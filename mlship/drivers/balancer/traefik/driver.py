"""Driver `traefik`: what its nodes are, and how they say a routing."""

from __future__ import annotations

from mlship.drivers.abilities import TRAEFIK
from mlship.drivers.balancer.driver import BalancerDriver
from mlship.drivers.balancer.fleet import Fleet
from mlship.drivers.balancer.line import LineLanguage
from mlship.drivers.balancer.node import Node
from mlship.drivers.balancer.traefik.api import Api
from mlship.drivers.balancer.traefik.node import TraefikNode
from mlship.drivers.balancer.traefik.settings import NodeSettings, settings_of
from mlship.drivers.base import Opening


class TraefikDriver(BalancerDriver):
    """`Driver` over Traefik."""

    capabilities = TRAEFIK
    make = "Traefik"

    def __init__(self, opening: Opening) -> None:
        settings = settings_of(opening.spec.settings)
        services = {name: model.pool.backend or name for name, model in opening.models.items()}

        def node(told: NodeSettings) -> Node:
            return TraefikNode(
                api=Api(url=told.api),
                told=told,
                entrance=settings.entrance,
                service=opening.service,
                services=services,
                clock=opening.clock,
            )

        language = LineLanguage(
            make=self.make, pools=services, users=False, copies=len(services), percents=True, beside=True
        )
        super().__init__(
            opening, fleet=Fleet(nodes=tuple(map(node, settings.nodes))), language=language, address=settings.listen
        )
