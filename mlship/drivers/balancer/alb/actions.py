"""Weights in the actions of a rule. Everything else of them stays: who logs users in, what else is forwarded to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlship.drivers.balancer.alb.api import Action
from mlship.errors import RoutingRefused
from mlship.plan.balancer.alb import MOST_GROUPS


def weights_of(actions: Sequence[Action], *, where: str) -> Mapping[str, int]:
    """Target group → weight.

    Raises:
        RoutingRefused: the rule forwards to none.
    """
    forward = actions[_place(actions, where)]
    groups = forward.get("ForwardConfig", {}).get("TargetGroups") or [
        {"TargetGroupArn": forward["TargetGroupArn"], "Weight": 1}
    ]
    # A group that stands alone may have no weight: it has everything.
    return {group["TargetGroupArn"]: int(group.get("Weight", 1)) for group in groups}


def sticky(actions: Sequence[Action], *, where: str) -> int:
    """Seconds for which a user is kept in the group that the first request met; 0: not at all."""
    told = actions[_place(actions, where)].get("ForwardConfig", {}).get("TargetGroupStickinessConfig", {})
    return int(told.get("DurationSeconds", 1)) if told.get("Enabled") else 0


def with_weights(
    actions: Sequence[Action], weights: Mapping[str, int], *, where: str, let_go: bool = False
) -> Sequence[Action]:
    """The same actions, with these weights.

    Args:
        actions: as they are.
        weights: target group → weight.
        where: whose actions these are, for messages.
        let_go: keep no user in the group that the first request met.

    Raises:
        RoutingRefused: there would be more groups than a rule may have.
    """
    if len(weights) > MOST_GROUPS:
        message = f"{where} would forward to {len(weights)} target groups, and may to {MOST_GROUPS}"
        raise RoutingRefused(message, hint="take those out of it that nobody uses any more")
    place = _place(actions, where)
    config = dict(actions[place].get("ForwardConfig", {}))
    config["TargetGroups"] = [{"TargetGroupArn": group, "Weight": weight} for group, weight in weights.items()]
    if let_go:
        config["TargetGroupStickinessConfig"] = {"Enabled": False}
    forward = {key: value for key, value in actions[place].items() if key != "TargetGroupArn"}
    changed = {**forward, "ForwardConfig": config}
    return [changed if number == place else _kept(action) for number, action in enumerate(actions)]


def _place(actions: Sequence[Action], where: str) -> int:
    for number, action in enumerate(actions):
        if action.get("Type") == "forward":
            return number
    raise RoutingRefused(f"{where} forwards to no target group", hint="name a rule that does, in the plan's driver")


def _kept(action: Action) -> Action:
    """AWS does not tell the secret of a login, and takes an action without it only if it is told to keep it."""
    login: Mapping[str, Any] | None = action.get("AuthenticateOidcConfig")
    if login is None:
        return action
    return {**action, "AuthenticateOidcConfig": {**login, "UseExistingClientSecret": True}}
