"""The calls that change an endpoint, each with what it is to come to."""

from __future__ import annotations

from mlship.drivers.balancer.ledger import Entry
from mlship.drivers.sagemaker.changes import Act
from mlship.drivers.sagemaker.endpoint import Description
from mlship.drivers.sagemaker.layout import Layout, Slot


def created(config: str, *, tags: list[dict[str, str]], entry: Entry | None) -> Act:
    """An endpoint where none is."""
    return Act(
        operation="create_endpoint",
        parameters={"EndpointConfigName": config, "Tags": tags},
        met=lambda seen: seen.config == config,
        config=config,
        entry=entry,
    )


def updated(config: str, *, entry: Entry | None = None) -> Act:
    """Another configuration."""
    return Act(
        operation="update_endpoint",
        parameters={
            "EndpointConfigName": config,
            # Instances stay as autoscaling has them; the weights are those that were just read.
            "RetainAllVariantProperties": True,
            "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}],
        },
        met=lambda seen: seen.config == config,
        config=config,
        entry=entry,
    )


def weighed(target: Layout, *, config: str, entry: Entry) -> Act:
    """Other weights, all in one call."""
    weights = {slot.name: slot.weight for slot in target.production}
    asked = [{"VariantName": name, "DesiredWeight": weight} for name, weight in weights.items()]

    def met(seen: Description) -> bool:
        return all(seen.weights.get(name) == weight for name, weight in weights.items())

    return Act(
        operation="update_endpoint_weights_and_capacities",
        parameters={"DesiredWeightsAndCapacities": asked},
        met=met,
        config=config,
        entry=entry,
    )


def sized(slot: Slot, count: int, *, config: str) -> Act:
    """Other instances of one variant: AWS takes no more than one in a call."""
    return Act(
        operation="update_endpoint_weights_and_capacities",
        parameters={"DesiredWeightsAndCapacities": [{"VariantName": slot.name, "DesiredInstanceCount": count}]},
        met=lambda seen: seen.counts.get(slot.name) == count,
        config=config,
    )
