"""What `mlship doctor` finds about one rule. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlship.drivers.balancer.alb.actions import sticky, weights_of
from mlship.drivers.trouble import Trouble
from mlship.errors import MlshipError

if TYPE_CHECKING:
    from mlship.drivers.balancer.alb.node import AlbNode


def examine(node: AlbNode) -> Iterator[Trouble]:
    """Reach, rights to look, stickiness, groups."""
    try:
        actions = node.api.actions()
        if held := sticky(actions, where=node.name):
            message = f"{node.name} keeps users for {held} s in the target group that they met, also in one of weight 0"
            yield Trouble(message=message, hint="switch the rule's group stickiness off")
        found = weights_of(actions, where=node.name)
        for model, group in node.groups.items():
            if group not in found:
                message = f"{node.name} does not name the target group of {model}, whose health AWS does not check then"
                yield Trouble(message=message, hint="`mlship deploy` adds it, with a weight of 0", grave=False)
            if not node.api.health(group):
                yield Trouble(message=f"the target group of {model} has no target", hint="register its servers")
    except MlshipError as error:
        yield Trouble(message=error.message, hint=error.hint)
