"""Autoscaling of variants: AWS wants it off before a variant goes or changes its instances; off, and on again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from mlship.drivers.sagemaker.aws import Aws
from mlship.errors import UsageError

SERVICE = "application-autoscaling"
SPACE = {"ServiceNamespace": "sagemaker"}
DIMENSION = {"ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}

_TARGET = ("MinCapacity", "MaxCapacity", "SuspendedState")
_POLICY = (
    "PolicyName", "PolicyType", "StepScalingPolicyConfiguration", "TargetTrackingScalingPolicyConfiguration",
    "PredictiveScalingPolicyConfiguration",
)  # fmt: skip
_ACTION = ("ScheduledActionName", "Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction")
"""What has to be said again of each, of all that AWS tells."""


class Scaled(msgspec.Struct, frozen=True, kw_only=True):
    """How one variant is scaled, as it has to be said again: with the target its policies and its schedule are lost."""

    variant: str
    target: dict[str, Any]
    policies: tuple[dict[str, Any], ...] = ()
    actions: tuple[dict[str, Any], ...] = ()


def affected(before: Mapping[str, Any], after: Mapping[str, Any]) -> Sequence[str]:
    """Variants of a configuration that are gone, or on other instances, in the one that follows."""
    kinds = {told["VariantName"]: told.get("InstanceType") for told in after.get("ProductionVariants", ())}
    now = {told["VariantName"]: told["InstanceType"] for told in before["ProductionVariants"] if "InstanceType" in told}
    return [name for name, kind in now.items() if kinds.get(name) != kind]


class Autoscaling(msgspec.Struct, frozen=True, kw_only=True):
    """Of one endpoint."""

    aws: Aws
    endpoint: str

    def of(self, variants: Iterable[str]) -> tuple[Scaled, ...]:
        """How these variants are scaled; one that is not is left out.

        Raises:
            OutOfReach: AWS does not answer.
        """
        resources = {self._resource(variant): variant for variant in variants}
        if not resources:
            return ()
        try:
            targets = self._pages("describe_scalable_targets", "ScalableTargets", ResourceIds=list(resources))
        except UsageError:
            # Who may not look has hardly switched it on; where somebody else has, AWS refuses the update and says why.
            return ()
        return tuple(self._scaled(resources[told["ResourceId"]], told) for told in targets)

    def release(self, scaled: Iterable[Scaled]) -> None:
        """Switch it off.

        Raises:
            MlshipError: AWS does not do it.
        """
        for each in scaled:
            where = {**SPACE, **DIMENSION, "ResourceId": self._resource(each.variant)}
            self.aws.call(SERVICE, "deregister_scalable_target", **where)

    def restore(self, each: Scaled) -> None:
        """Switch it on as it was; where it is on already, that is what it becomes.

        Raises:
            MlshipError: AWS does not do it.
        """
        where = {**SPACE, **DIMENSION, "ResourceId": self._resource(each.variant)}
        self.aws.call(SERVICE, "register_scalable_target", **where, **each.target)
        for policy in each.policies:
            self.aws.call(SERVICE, "put_scaling_policy", **where, **policy)
        for action in each.actions:
            self.aws.call(SERVICE, "put_scheduled_action", **where, **action)

    def _scaled(self, variant: str, told: Mapping[str, Any]) -> Scaled:
        where = {**DIMENSION, "ResourceId": told["ResourceId"]}
        return Scaled(
            variant=variant,
            target=_said(told, _TARGET),
            policies=tuple(
                _said(each, _POLICY) for each in self._pages("describe_scaling_policies", "ScalingPolicies", **where)
            ),
            actions=tuple(
                _said(each, _ACTION) for each in self._pages("describe_scheduled_actions", "ScheduledActions", **where)
            ),
        )

    def _pages(self, operation: str, key: str, **parameters: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
        return list(self.aws.pages(SERVICE, operation, key, **SPACE, **parameters))

    def _resource(self, variant: str) -> str:
        return f"endpoint/{self.endpoint}/variant/{variant}"


def _said(told: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: told[key] for key in keys if key in told}
