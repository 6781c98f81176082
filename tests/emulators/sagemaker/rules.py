"""What SageMaker refuses although the shapes allow it.

Documented: one production beside one shadow variant, the sizes of canary, linear and rolling steps, the same variant
names under guardrails, what rolling excludes, timeouts beyond the sum of waits, one policy only. Our reading: the
wording, that the sum of a multi-step policy's waits counts every step, that one instance can be neither split nor
rolled, that all-zero weights are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.emulators.sagemaker.deployment import Phase, alarm_names, part, timeout
from tests.emulators.sagemaker.errors import absent, invalid, limit
from tests.emulators.sagemaker.fleet import Fleet
from tests.emulators.sagemaker.settings import Settings
from tests.emulators.sagemaker.world import Region


def config(asked: dict[str, Any], region: Region) -> None:
    """CreateEndpointConfig.

    Raises:
        ApiError: it is refused.
    """
    variants, shadows = asked["ProductionVariants"], asked.get("ShadowProductionVariants", [])
    names = [variant["VariantName"] for variant in (*variants, *shadows)]
    if len(set(names)) < len(names):
        raise invalid(f"Variant names must be unique, but got {sorted(names)}.")
    if shadows and (len(variants) != 1 or len(shadows) != 1):
        raise invalid("An endpoint with a shadow variant takes exactly one production and one shadow variant.")
    for variant in (*variants, *shadows):
        _variant(variant, region)
    weights(variant.get("InitialVariantWeight", 1.0) for variant in variants)


def weights(numbers: Any) -> None:
    """At least one variant takes traffic: what AWS does otherwise is not known, so nobody may rely on it."""
    if not any(number > 0 for number in numbers):
        raise invalid("At least one variant must have a weight above 0.")


def _variant(variant: dict[str, Any], region: Region) -> None:
    name = variant["VariantName"]
    if "ModelName" not in variant:
        raise invalid(f"ModelName is required for variant {name}: inference components are not emulated.")
    model = variant["ModelName"]
    if model not in region.models:
        raise absent("model", region.arn("model", model))
    region.seen("model", "model", model)
    if "ServerlessConfig" in variant:
        if "InstanceType" in variant or "InitialInstanceCount" in variant:
            raise invalid(f"Variant {name} is serverless: InstanceType and InitialInstanceCount cannot be given.")
    elif "InstanceType" not in variant or "InitialInstanceCount" not in variant:
        raise invalid(f"InstanceType and InitialInstanceCount are required for variant {name}.")


def policy(asked: dict[str, Any], new: Fleet, old: Fleet, region: Region) -> None:
    """A DeploymentConfig of UpdateEndpoint for what is to serve next beside what serves.

    Raises:
        ApiError: it is refused.
    """
    if "BlueGreenUpdatePolicy" in asked and "RollingUpdatePolicy" in asked:
        raise invalid("Only one of BlueGreenUpdatePolicy and RollingUpdatePolicy can be specified.")
    names = sorted(variant.name for variant in new.variants), sorted(variant.name for variant in old.variants)
    if names[0] != names[1]:
        raise invalid(f"With a DeploymentConfig the variant names must stay {names[1]}, but got {names[0]}.")
    for alarm in alarm_names(asked):
        if alarm not in region.alarms:
            raise invalid(f"Alarm {alarm} of AutoRollbackConfiguration does not exist.")
    instances = sum(variant.wanted_count for variant in new.variants)
    if "RollingUpdatePolicy" in asked:
        _rolling(asked["RollingUpdatePolicy"], new)
    elif "BlueGreenUpdatePolicy" in asked:
        _routing(asked["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"], instances)


def _routing(routing: dict[str, Any], instances: int) -> None:
    kind = routing["Type"]
    for key, wanted in (("CanarySize", "CANARY"), ("LinearStepSize", "LINEAR")):
        if (key in routing) != (kind == wanted):
            raise invalid(f"{key} must be specified if and only if the traffic routing type is {wanted}.")
    if kind == "CANARY":
        _size("CanarySize", routing["CanarySize"], instances, (0.0, 0.5))
    if kind == "LINEAR":
        _size("LinearStepSize", routing["LinearStepSize"], instances, (0.1, 0.5))


def _rolling(rolling: dict[str, Any], new: Fleet) -> None:
    if len(new.variants) > 1 or new.shadows:
        raise invalid("RollingUpdatePolicy is not supported for endpoints with multiple variants.")
    variant = new.variants[0]
    if variant.instance_type is None:
        raise invalid("RollingUpdatePolicy is not supported for serverless endpoints.")
    _size("MaximumBatchSize", rolling["MaximumBatchSize"], variant.wanted_count, (0.05, 0.5))
    if "RollbackMaximumBatchSize" in rolling:
        _size("RollbackMaximumBatchSize", rolling["RollbackMaximumBatchSize"], variant.wanted_count, (0.05, 1.0))


def _size(name: str, size: dict[str, Any], instances: int, bounds: tuple[float, float]) -> None:
    share = part(size, instances)
    if not bounds[0] - 1e-9 <= share <= bounds[1] + 1e-9:
        percent = f"{bounds[0]:.0%} and {bounds[1]:.0%}"
        raise invalid(f"{name} must be between {percent} of the variant's total instance count, but is {share:.0%}.")
    if instances == 1 and bounds[1] < 1.0:
        raise invalid(f"{name} cannot be satisfied by an endpoint with 1 instance.")


def duration(asked: dict[str, Any], way: Sequence[Phase]) -> None:
    """The waits of a policy fit into its maximum execution time."""
    waits = sum(phase.seconds for phase in way if phase.status == "Baking")
    if waits >= timeout(asked):
        raise invalid(f"MaximumExecutionTimeoutInSeconds must be greater than the sum of the waits, {waits:.0f}.")


def scaled(new: Fleet, old: Fleet, region: Region, endpoint: str) -> None:
    """A variant that is autoscaled keeps its instance type, and stays."""
    for variant in old.variants:
        if f"endpoint/{endpoint}/variant/{variant.name}" not in region.targets:
            continue
        successor = new.variant(variant.name)
        if successor is None or successor.instance_type != variant.instance_type:
            raise invalid(
                f'The variant(s) "[{variant.name}]" must be deregistered as a scalable target with AutoScaling before'
                " they are removed or have their instance type updated."
            )


def quota(settings: Settings, region: Region, more: dict[str, int]) -> None:
    """Instances beside those in use, by type, are within the account's limits."""
    for kind, count in more.items():
        most = settings.quotas.get(kind)
        used = sum(endpoint.instances().get(kind, 0) for endpoint in region.endpoints.values())
        if most is not None and count > 0 and used + count > most:
            raise limit(
                f"The account-level service limit '{kind} for endpoint usage' is {most} Instances, with current"
                f" utilization of {used} Instances and a request delta of {count} Instances. Please use AWS Service"
                " Quotas to request an increase for this quota."
            )
