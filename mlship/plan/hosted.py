"""A model as SageMaker hosts it: what driver `sagemaker` is told of it beyond what every model has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Serverless(msgspec.Struct, frozen=True, kw_only=True):
    """A variant without instances of its own."""

    memory: int
    """MiB."""
    concurrency: int


class Hosted(msgspec.Struct, frozen=True, kw_only=True):
    """A SageMaker Model, and the instances that its variant runs on."""

    sagemaker_model: str = ""
    """Name of a SageMaker Model that is there already; empty: mlship makes it from what follows."""
    image: str = ""
    model_data: str = ""
    """S3 address of the model's files; empty: they are in the image."""
    model_package: str = ""
    """ARN of a model package, instead of `image`."""
    role: str = ""
    """Execution role; empty: the driver's."""
    network_isolation: bool = False
    """The container has no network."""
    instance_type: str = ""
    """Empty: the driver's."""
    serverless: Serverless | None = None
    volume_size: int = 0
    """GiB of the instance's disk; 0: what AWS gives."""
    startup_timeout: float = 0.0
    """Seconds that the container may take to pass its first health check; 0: what AWS gives."""
    download_timeout: float = 0.0
    """Seconds that the download of the model's files may take; 0: what AWS gives."""


def build_hosted(document: Mapping[str, Any]) -> Hosted:
    """What a checked model says of it."""
    from mlship.plan import units

    serverless = document.get("serverless")
    return Hosted(
        sagemaker_model=document.get("sagemaker-model", ""),
        image=document.get("image", ""),
        model_data=document.get("model-data", ""),
        model_package=document.get("model-package", ""),
        role=document.get("role", ""),
        network_isolation=document.get("network-isolation", False),
        instance_type=document.get("instance-type", ""),
        serverless=Serverless(memory=serverless["memory"], concurrency=serverless["concurrency"])
        if serverless
        else None,
        volume_size=document.get("volume-size", 0),
        startup_timeout=units.seconds(document.get("startup-timeout", 0)),
        download_timeout=units.seconds(document.get("download-timeout", 0)),
    )
