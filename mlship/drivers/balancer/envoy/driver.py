"""Driver `envoy`: what its nodes are, and how they say a routing."""

from __future__ import annotations

from mlship.drivers.abilities import ENVOY
from mlship.drivers.balancer.driver import BalancerDriver
from mlship.drivers.balancer.endpoint import Endpoint
from mlship.drivers.balancer.envoy.language import EnvoyLanguage
from mlship.drivers.balancer.envoy.node import EnvoyNode
from mlship.drivers.balancer.envoy.settings import settings_of
from mlship.drivers.balancer.fleet import Fleet
from mlship.drivers.base import Opening

DENIED = "let mlship's user use the socket: `mode` of its `pipe` in the configuration, and its group"


class EnvoyDriver(BalancerDriver):
    """`Driver` over an Envoy that is somebody else's."""

    capabilities = ENVOY
    make = "Envoy"

    def __init__(self, opening: Opening) -> None:
        settings = settings_of(opening.spec.settings)
        clusters = {name: model.pool.backend or name for name, model in opening.models.items()}
        nodes = tuple(
            EnvoyNode(
                endpoint=Endpoint(make=self.make, address=admin, denied=DENIED),
                service=opening.service,
                clusters=clusters,
                preview=settings.preview,
                clock=opening.clock,
            )
            for admin in settings.admins
        )
        language = EnvoyLanguage(clusters=clusters, preview=settings.preview)
        super().__init__(opening, fleet=Fleet(nodes=nodes), language=language, address=settings.listen)
