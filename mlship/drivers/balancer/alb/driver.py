"""Driver `alb`: its one node, and how that says a routing."""

from __future__ import annotations

from mlship.drivers.abilities import ALB
from mlship.drivers.balancer.alb.api import Api
from mlship.drivers.balancer.alb.node import AlbNode
from mlship.drivers.balancer.driver import BalancerDriver
from mlship.drivers.balancer.fleet import Fleet
from mlship.drivers.balancer.wholes import Scale, Weights
from mlship.drivers.base import Opening
from mlship.plan.balancer.alb import MOST_WEIGHT, WHOLE_RULE
from mlship.plan.routing import Routing


class AlbDriver(BalancerDriver):
    """`Driver` over a rule of an Application Load Balancer."""

    capabilities = ALB
    make = "ALB"

    def __init__(self, opening: Opening) -> None:
        told = opening.spec.settings
        arn = told.get("rule-arn") or told["listener-arn"]
        weights = Weights(servers=dict.fromkeys(opening.models, ()), scale=Scale(total=WHOLE_RULE, max=MOST_WEIGHT))
        groups = {name: model.pool.target_group for name, model in opening.models.items() if model.pool.target_group}
        api = Api(arn=arn, region=told.get("region") or arn.split(":")[3], profile=told.get("profile", ""))
        self._node = AlbNode(api=api, weights=weights, groups=groups, clock=opening.clock)
        address = told.get("listen") or self._node.name
        super().__init__(opening, fleet=Fleet(nodes=(self._node,)), language=weights, address=address)

    def ensure(self, model: str, replicas: int) -> None:
        """As every balancer; before, the rule is made to name the model's target group, which is checked only then."""
        if replicas and model in self._node.groups:
            with self._claim.changing():
                self._node.include(model)
        super().ensure(model, replicas)

    def route(self, routing: Routing) -> None:
        """Over what is found, and over nothing else."""
        self._node.lets_go = False
        super().route(routing)

    def insist(self, routing: Routing) -> None:
        """Whatever is found; users whom the rule keeps in a group are let go."""
        self._node.lets_go = True
        super().insist(routing)
