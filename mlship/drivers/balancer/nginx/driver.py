"""Driver `nginx`: what its nodes are, and how they say a routing."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from mlship.drivers.abilities import NGINX
from mlship.drivers.balancer.driver import BalancerDriver
from mlship.drivers.balancer.fleet import Fleet
from mlship.drivers.balancer.line import LineLanguage
from mlship.drivers.balancer.nginx.node import NginxNode
from mlship.drivers.balancer.nginx.program import Program
from mlship.drivers.balancer.nginx.settings import NodeSettings, settings_of
from mlship.drivers.balancer.node import Node
from mlship.drivers.base import Opening
from mlship.plan.balancer.nginx import MOST_COPIES
from mlship.plan.model import Capability


class NginxDriver(BalancerDriver):
    """`Driver` over nginx."""

    capabilities = NGINX
    make = "nginx"

    def __init__(self, opening: Opening) -> None:
        settings = settings_of(opening.spec.settings)
        if not settings.mirror:
            self.capabilities = NGINX - {Capability.MIRROR}
        upstreams = {name: model.pool.backend or name for name, model in opening.models.items()}

        def node(told: NodeSettings) -> Node:
            called = hashlib.sha256(str(told.include).encode()).hexdigest()[:12]
            program = Program(
                name=urlsplit(told.status).netloc, words=told.program, pid=told.pid, reload_words=told.reload
            )
            return NginxNode(
                program=program,
                status=told.status,
                include=told.include,
                log=told.log,
                service=opening.service,
                upstreams=upstreams,
                mirror=settings.mirror,
                memory=opening.state / "balancer" / opening.service / f"nginx-{called}",
                writes=opening.fence is not None,
                clock=opening.clock,
            )

        fleet = Fleet(nodes=tuple(map(node, settings.nodes)))
        copies = MOST_COPIES if settings.mirror else 0
        super().__init__(
            opening,
            fleet=fleet,
            language=LineLanguage(make="nginx", pools=upstreams, users=True, copies=copies),
            address=settings.listen,
        )
