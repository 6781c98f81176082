"""One rule of a load balancer, or a listener's default action."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from mlship.clock import Clock
from mlship.drivers.balancer.alb.actions import sticky, weights_of, with_weights
from mlship.drivers.balancer.alb.api import Action, Api
from mlship.drivers.balancer.node import Server
from mlship.drivers.balancer.untouched import must_be
from mlship.drivers.balancer.wholes import Weights, value_of
from mlship.drivers.balancer.words import said
from mlship.drivers.trouble import Trouble
from mlship.errors import RoutingRefused
from mlship.metrics.counters import Tally
from mlship.plan.model import Model

SETTLED = 5.0
"""Seconds that a change may take until AWS tells it."""
LOOK_AGAIN = 0.1
UP = frozenset({"healthy", "unavailable"})
"""States of targets that get requests; `unavailable` ones are not checked."""
LEAVING = frozenset({"draining", "unhealthy.draining"})


class AlbNode:
    """`Node` over a rule. AWS has no compare-and-swap: a step forward looks once more right before its change."""

    def __init__(self, *, api: Api, weights: Weights, groups: Mapping[str, str], clock: Clock) -> None:
        self.api = api
        self._weights = weights
        self._groups = groups
        self._clock = clock
        self.lets_go = False
        """A change moves users, too, whom the rule keeps in the group that they met."""

    @property
    def name(self) -> str:
        """Its ARN from the load balancer's name on."""
        return self.api.arn.partition("/app/")[2]

    @property
    def groups(self) -> Mapping[str, str]:
        """Model → its target group."""
        return self._groups

    def read(self) -> str | None:
        """The weights of the rule's target groups; those that are no model's by their names."""
        return self._value(self.api.actions())

    def swap(self, value: str, before: str | None) -> None:
        """As `write`, over `before` alone, and over no rule that keeps users.

        Raises:
            Changed: it was another value by then; nothing was changed.
        """
        actions = self.api.actions()
        must_be(before, self._value(actions), who=self.name, say=self._said, hint="see who: AWS CloudTrail tells")
        if held := sticky(actions, where=self.name):
            hint = "switch the rule's group stickiness off; `mlship rollback` does, whatever it finds"
            message = f"{self.name} keeps users for {held} s in the target group that they met first"
            raise RoutingRefused(message, hint=hint)
        self._change(actions, value)

    def write(self, value: str | None) -> None:
        """Change the rule whatever it says, and read it back."""
        if value is not None:
            self._change(self.api.actions(), value)

    def include(self, model: str) -> None:
        """Have the rule name the model's target group, without a share: AWS checks the health of no other group."""
        group, actions = self._groups[model], self.api.actions()
        weights = weights_of(actions, where=self.name)
        if group not in weights:
            self.api.act(with_weights(actions, {**weights, group: 0}, where=self.name))

    def kept(self) -> None:
        """A rule is kept by AWS; without an answer nobody knows it."""
        return

    def keep(self, value: str | None) -> None:
        """It is."""

    def pool(self, model: Model) -> Sequence[Server]:
        """The targets of the model's group, as AWS finds them."""
        group = self._groups.get(model.name)
        return [server_of(told) for told in self.api.health(group)] if group else []

    def counts(self) -> tuple[str, Mapping[str, Tally]]:
        """There are none: CloudWatch's are of whole minutes, and late."""
        return "", {}

    def troubles(self) -> Iterator[Trouble]:
        """Reach, rights, stickiness, groups."""
        from mlship.drivers.balancer.alb.doctor import examine

        return examine(self)

    def _change(self, actions: Sequence[Action], value: str) -> None:
        """Groups without a share stay in it, so that AWS checks their health."""
        wanted = self._wanted(actions, value)
        same = self._value(actions) == value and wanted.keys() == weights_of(actions, where=self.name).keys()
        if same and not (self.lets_go and sticky(actions, where=self.name)):
            return
        self.api.act(with_weights(actions, wanted, where=self.name, let_go=self.lets_go))
        self._must_be(value)

    def _value(self, actions: Sequence[Action]) -> str:
        models = {group: model for model, group in self._groups.items()}
        found = weights_of(actions, where=self.name)
        return value_of({models.get(group, _short(group)): Fraction(weight) for group, weight in found.items()})

    def _wanted(self, actions: Sequence[Action], value: str) -> Mapping[str, int]:
        scaled = self._weights.scaled(value)
        others = dict.fromkeys(weights_of(actions, where=self.name), 0)
        return {**others, **{group: scaled[model] for model, group in self._groups.items()}}

    def _must_be(self, value: str) -> None:
        deadline = self._clock.now() + SETTLED
        while (found := self._value(self.api.actions())) != value:
            if self._clock.now() > deadline:
                message = f"{self.name} took the change, and says {self._said(found)}"
                raise RoutingRefused(message, hint="see who else changes it: AWS CloudTrail tells")
            self._clock.sleep(LOOK_AGAIN)

    def _said(self, value: str | None) -> str:
        return said(self._weights.routing_of(value) if value else None, value)


def _short(group: str) -> str:
    return group.rpartition(":")[2]


def server_of(told: Mapping[str, Any]) -> Server:
    """A target, as AWS finds it."""
    target, health = told["Target"], told["TargetHealth"]
    words = ": ".join(health[key] for key in ("State", "Reason", "Description") if health.get(key))
    state = health["State"]
    return Server(
        name=f"{target['Id']}:{target.get('Port', '')}".rstrip(":"),
        up=state in UP and health.get("Reason") != "Target.NotRegistered",
        parked=state in LEAVING,
        told=words,
    )
