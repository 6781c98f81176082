"""Driver `rest`: what its nodes are, and how they say a routing."""

from __future__ import annotations

import os
from pathlib import Path

from mlship.drivers.abilities import REST
from mlship.drivers.balancer.driver import BalancerDriver
from mlship.drivers.balancer.fleet import Fleet
from mlship.drivers.balancer.rest.context import Known
from mlship.drivers.balancer.rest.node import Parts, RestNode
from mlship.drivers.balancer.rest.probe import Prober
from mlship.drivers.balancer.rest.reading import Preparation, Probing, ReadBack
from mlship.drivers.balancer.rest.settings import NodeSettings, Probe, Read, Settings, settings_of
from mlship.drivers.balancer.rest.web import Api
from mlship.drivers.balancer.rest.writing import Writing
from mlship.drivers.balancer.wholes import Weights
from mlship.drivers.base import Opening
from mlship.metrics.address import shown
from mlship.plan.routing import Routing


class RestDriver(BalancerDriver):
    """`Driver` over any balancer with a REST API."""

    capabilities = REST
    make = "balancer"

    def __init__(self, opening: Opening) -> None:
        settings = settings_of(opening.spec.settings)
        servers = {name: model.pool.servers for name, model in opening.models.items()}
        weights = Weights(servers=servers, scale=settings.scale)
        self._nodes = tuple(RestNode(_parts(opening, settings, told, weights)) for told in settings.nodes)
        first = settings.nodes[0]
        address = settings.listen or shown(first.users or first.url)
        super().__init__(opening, fleet=Fleet(nodes=self._nodes), language=weights, address=address)

    def route(self, routing: Routing) -> None:
        """All nodes or none; each is looked at anew, and changed only if it still is as it was seen."""
        self._forget()
        super().route(routing)

    def insist(self, routing: Routing) -> None:
        """Every node that answers, at once, without a look before."""
        self._forget()
        super().insist(routing)

    def _forget(self) -> None:
        for node in self._nodes:
            node.forget()


def _parts(opening: Opening, settings: Settings, told: NodeSettings, weights: Weights) -> Parts:
    api = Api(
        url=told.url,
        name=shown(told.url),
        auth=settings.auth,
        timeout=settings.patience,
        retries=settings.retries,
        env=os.environ,
    )
    backends = {name: model.pool.backend or name for name, model in opening.models.items()}
    known = Known(node=told, weights=weights, backends=backends, vars=settings.vars)
    preparation = Preparation(api=api, known=known, requests=settings.prepare)
    reading = settings.read
    folder = opening.state / "balancer" / opening.service
    return Parts(
        known=known,
        preparation=preparation,
        writing=Writing(api=api, template=settings.write),
        read_back=_read_back(reading, preparation) if reading else None,
        probing=_probing(settings.probe, known, settings.patience, folder) if settings.probe else None,
        verify=settings.verify,
        clock=opening.clock,
    )


def _read_back(template: Read, preparation: Preparation) -> ReadBack:
    return ReadBack(api=preparation.api, known=preparation.known, preparation=preparation, template=template)


def _probing(template: Probe, known: Known, timeout: float, folder: Path) -> Probing:
    models = {template.answers.get(model, backend): model for model, backend in known.backends.items()}
    prober = Prober(
        url=known.node.users,
        template=template,
        models=models,
        units=known.weights.units,
        timeout=timeout,
        env=os.environ,
    )
    return Probing(prober=prober, ledger=folder)
