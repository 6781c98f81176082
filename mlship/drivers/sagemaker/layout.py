"""What an endpoint holds, and what it is to hold next. Nothing here asks AWS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from mlship.plan.model import Model
from mlship.plan.routing import WHOLE, Capture

_OWN = ("VariantName", "ModelName", "InitialVariantWeight", "InitialInstanceCount")
_REST = (
    "DataCaptureConfig", "KmsKeyId", "AsyncInferenceConfig", "ExplainerConfig", "ExecutionRoleArn", "VpcConfig",
    "EnableNetworkIsolation", "MetricsConfig", "CrossRegionTrafficConfig",
)  # fmt: skip
"""What a configuration says beside its variants: kept as it is found."""
CONTENT = ("ProductionVariants", "ShadowProductionVariants", *_REST)
"""All that it says."""


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A variant. Which model it holds follows from its SageMaker Model, never from its name."""

    name: str
    model: str
    """Name of the SageMaker Model."""
    weight: float = 0.0
    count: int | None = 1
    """Instances; None: it is serverless."""
    shadow: bool = False
    spec: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """All else that its configuration says."""

    def request(self) -> dict[str, Any]:
        """As `CreateEndpointConfig` takes it."""
        count = {} if self.count is None else {"InitialInstanceCount": self.count}
        named = {"VariantName": self.name, "ModelName": self.model, "InitialVariantWeight": self.weight}
        return {**self.spec, **named, **count}


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """All variants, and what else the configuration says."""

    slots: tuple[Slot, ...] = ()
    rest: Mapping[str, Any] = msgspec.field(default_factory=dict)

    @property
    def production(self) -> tuple[Slot, ...]:
        """Variants that users may reach."""
        return tuple(slot for slot in self.slots if not slot.shadow)

    @property
    def shares(self) -> Mapping[str, int]:
        """Slot → basis points of the users' requests."""
        total = sum(slot.weight for slot in self.production)
        return {slot.name: round(WHOLE * slot.weight / total) if total else 0 for slot in self.production}

    @property
    def mirrored(self) -> Mapping[str, int]:
        """Shadow slot → basis points of the users' requests that it gets copies of: its weight beside production's."""
        total = sum(slot.weight for slot in self.production)
        return {slot.name: round(WHOLE * slot.weight / total) if total else 0 for slot in self.slots if slot.shadow}

    @property
    def split(self) -> str:
        """The split in one line, the same whoever reads it; a variant without traffic is absent."""
        users = [f"{name}={share}" for name, share in self.shares.items() if share]
        copies = [f"copies to {name}={share}" for name, share in self.mirrored.items()]
        return ", ".join((*sorted(users), *copies))

    def holding(self, model: str) -> Slot | None:
        """The variant of a SageMaker Model."""
        return next((slot for slot in self.slots if slot.model == model), None)

    def having(self, slot: Slot) -> Layout:
        """With this variant, in the place of the one of its name."""
        kept = tuple(slot if each.name == slot.name else each for each in self.slots)
        return replace(self, slots=kept if slot in kept else (*kept, slot))

    def lacking(self, names: Iterable[str]) -> Layout:
        """Without the variants of these names."""
        gone = set(names)
        return replace(self, slots=tuple(slot for slot in self.slots if slot.name not in gone))

    def weighing(self, shares: Mapping[str, int], copies: Mapping[str, int]) -> Layout:
        """With these basis points, by variant; `copies` are those of shadow variants, all others are none."""
        slots = tuple(
            replace(slot, weight=float(copies.get(slot.name, shares.get(slot.name, 0))), shadow=slot.name in copies)
            for slot in self.slots
        )
        return replace(self, slots=slots)

    def alike(self, other: Layout) -> bool:
        """The two differ in nothing but the weights of variants that users reach: no configuration is needed."""

        def bare(layout: Layout) -> list[Slot]:
            plain = (replace(slot, weight=0.0, count=None) for slot in layout.slots)
            return sorted(plain, key=lambda slot: slot.name)

        return bare(self) == bare(other) and self.rest == other.rest and self.mirrored == other.mirrored

    def request(self) -> dict[str, Any]:
        """As `CreateEndpointConfig` takes it."""
        copies = [slot.request() for slot in self.slots if slot.shadow]
        shadows = {"ShadowProductionVariants": copies} if copies else {}
        return {"ProductionVariants": [slot.request() for slot in self.production], **shadows, **self.rest}


def layout_of(config: Mapping[str, Any], *, weights: Mapping[str, float], counts: Mapping[str, int]) -> Layout:
    """An endpoint with this configuration and the weights and instances that it really has."""
    slots = [
        _slot(told, shadow=shadow, weights=weights, counts=counts)
        for key, shadow in (("ProductionVariants", False), ("ShadowProductionVariants", True))
        for told in config.get(key, ())
    ]
    return Layout(slots=tuple(slots), rest={key: config[key] for key in _REST if key in config})


def _slot(told: Mapping[str, Any], *, shadow: bool, weights: Mapping[str, float], counts: Mapping[str, int]) -> Slot:
    name = told["VariantName"]
    return Slot(
        name=name,
        model=told.get("ModelName", ""),
        weight=weights.get(name, told.get("InitialVariantWeight", 1.0)),
        count=None if "ServerlessConfig" in told else counts.get(name, told.get("InitialInstanceCount", 1)),
        shadow=shadow,
        spec={key: value for key, value in told.items() if key not in _OWN},
    )


def spec_of(model: Model, *, instance_type: str) -> dict[str, Any]:
    """What a new variant of the model says beside names and numbers; `instance_type` is the driver's."""
    hosted = model.hosted
    if hosted.serverless:
        serverless = {"MemorySizeInMB": hosted.serverless.memory, "MaxConcurrency": hosted.serverless.concurrency}
        return {"ServerlessConfig": serverless}
    spec: dict[str, Any] = {"InstanceType": hosted.instance_type or instance_type}
    waits = {
        "VolumeSizeInGB": hosted.volume_size,
        "ContainerStartupHealthCheckTimeoutInSeconds": int(hosted.startup_timeout),
        "ModelDataDownloadTimeoutInSeconds": int(hosted.download_timeout),
    }
    return {**spec, **{key: value for key, value in waits.items() if value}}


def captured(capture: Capture | None, *, to: str, kms_key: str) -> dict[str, Any]:
    """The part of a configuration that keeps answers; empty where none are kept, or there is no place for them."""
    if capture is None or not to:
        return {}
    settings: dict[str, Any] = {
        "EnableCapture": True,
        "InitialSamplingPercentage": max(1, round(100 * capture.sample / WHOLE)),
        "DestinationS3Uri": to,
        # The service refuses `InputAndOutput`, which its own model has.
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        # Without it bodies are kept as base64.
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"], "CsvContentTypes": ["text/csv"]},
    }
    return {"DataCaptureConfig": {**settings, "KmsKeyId": kms_key} if kms_key else settings}
