"""What serves: the variants of one endpoint configuration, as it was when they were started."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec


class Variant(msgspec.Struct, kw_only=True):
    """A variant's live numbers beside what its configuration says."""

    spec: dict[str, Any]
    """The ProductionVariant of the configuration."""
    model: dict[str, Any]
    """The model as it was; deleting it later does not stop what serves."""
    weight: float
    wanted_weight: float
    count: int
    wanted_count: int

    @property
    def name(self) -> str:
        """VariantName."""
        return str(self.spec["VariantName"])

    @property
    def instance_type(self) -> str | None:
        """None is serverless."""
        return self.spec.get("InstanceType")

    def container(self) -> dict[str, Any]:
        """The model's (first) container."""
        containers = self.model.get("Containers") or [self.model.get("PrimaryContainer", {})]
        return dict(containers[0])


class Fleet(msgspec.Struct, kw_only=True):
    """The variants of one configuration."""

    config: dict[str, Any]
    """As DescribeEndpointConfig told it; deleting it later does not stop what serves."""
    variants: list[Variant]
    shadows: list[Variant]

    @property
    def config_name(self) -> str:
        """EndpointConfigName."""
        return str(self.config["EndpointConfigName"])

    def variant(self, name: str) -> Variant | None:
        """The production variant of that name."""
        return next((variant for variant in self.variants if variant.name == name), None)

    def instances(self) -> dict[str, int]:
        """Instances by type, wanted or there, whichever is more."""
        found: dict[str, int] = {}
        for variant in (*self.variants, *self.shadows):
            if variant.instance_type:
                more = max(variant.count, variant.wanted_count)
                found[variant.instance_type] = found.get(variant.instance_type, 0) + more
        return found

    def arrive(self) -> None:
        """Wanted numbers become current ones."""
        for variant in (*self.variants, *self.shadows):
            variant.weight, variant.count = variant.wanted_weight, variant.wanted_count


def launched(config: dict[str, Any], models: dict[str, dict[str, Any]]) -> Fleet:
    """A fleet as the configuration says; `models` by name."""
    return Fleet(
        config=config,
        variants=[_variant(spec, models) for spec in config["ProductionVariants"]],
        shadows=[_variant(spec, models) for spec in config.get("ShadowProductionVariants", [])],
    )


def _variant(spec: dict[str, Any], models: dict[str, dict[str, Any]]) -> Variant:
    weight, count = float(spec.get("InitialVariantWeight", 1.0)), int(spec.get("InitialInstanceCount", 0))
    model = models[spec["ModelName"]]
    return Variant(spec=spec, model=model, weight=weight, wanted_weight=weight, count=count, wanted_count=count)


def retain(new: Fleet, old: Fleet, excluded: Sequence[str]) -> None:
    """RetainAllVariantProperties: variants of the same name keep their live numbers, but for those excluded."""
    for variant in new.variants:
        former = old.variant(variant.name)
        if former is None:
            continue
        if "DesiredWeight" not in excluded:
            variant.weight = variant.wanted_weight = former.wanted_weight
        if "DesiredInstanceCount" not in excluded and variant.instance_type and former.instance_type:
            variant.count = variant.wanted_count = former.wanted_count
