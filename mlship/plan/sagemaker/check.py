"""What a plan of the right shape may still get wrong about SageMaker."""

from __future__ import annotations

from mlship.plan import units
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps, shown
from mlship.plan.sagemaker.course import check_stages
from mlship.plan.sagemaker.shapes import amiss

NAME = "sagemaker"

KEYS = (
    "sagemaker-model", "model-data", "model-package", "role", "network-isolation", "instance-type", "serverless",
    "volume-size", "startup-timeout", "download-timeout",
)  # fmt: skip
"""Keys of a model that only this driver can follow."""

OTHERS = (
    "command", "workdir", "digest", "build", "port", "healthcheck", "secrets", "volumes", "labels", "user",
    "read-only", "resources", "backend", "servers", "timeout", "drain",
)  # fmt: skip
"""Keys of a model that say what SageMaker does by itself, or not at all."""

MAKING = ("image", "model-data", "model-package", "role", "network-isolation", "env")
"""Keys that say what a SageMaker Model is made of."""

OWN_PACKAGES = {"process", "docker", "memory", "haproxy"}
"""Drivers of other packages say for themselves what they make of the keys."""

SETTINGS = {"endpoint": "EndpointName", "role": "RoleArn", "instance-type": "ProductionVariantInstanceType"}
FIELDS = {
    "sagemaker-model": "ModelName",
    "image": "ContainerImage",
    "model-data": "Url",
    "model-package": "VersionedArnOrName",
    "role": "RoleArn",
    "instance-type": "ProductionVariantInstanceType",
    "volume-size": "ProductionVariantVolumeSizeInGB",
}
"""Key → the shape that AWS has for it."""
WAITS = {
    "startup-timeout": "ProductionVariantContainerStartupHealthCheckTimeoutInSeconds",
    "download-timeout": "ProductionVariantModelDataDownloadTimeoutInSeconds",
}
SERVERLESS = {"memory": "ServerlessMemorySizeInMB", "concurrency": "ServerlessMaxConcurrency"}


def check_sagemaker(draft: Draft, driver: str) -> None:
    """Add every fault of the driver's settings, of the models and of the stages."""
    if driver == NAME:
        at: Steps = ("driver", NAME)
        for key, shape in SETTINGS.items():
            _field(draft, (*at, key), shape)
        for name in draft.names("models"):
            _model(draft, ("models", name), at)
        _distinct(draft)
        check_stages(draft)
        return
    for name in draft.names("models") if driver in OWN_PACKAGES else ():
        for key in KEYS:
            if draft.has("models", name, key):
                draft.fault(("models", name, key), f"driver {driver} is not SageMaker", "remove it", at_key=True)


def _model(draft: Draft, path: Steps, at: Steps) -> None:
    for key in OTHERS:
        if draft.has(*path, key):
            draft.fault(
                (*path, key), "SageMaker runs the model by itself and takes no such word", "remove it", at_key=True
            )
    for key, shape in FIELDS.items():
        _field(draft, (*path, key), shape)
    for key, shape in SERVERLESS.items():
        _field(draft, (*path, "serverless", key), shape)
    for key, shape in WAITS.items():
        told = draft.value(*path, key)
        wrong = amiss(shape, int(units.seconds(told))) if told is not None else ""
        if wrong:
            draft.fault((*path, key), f"{wrong} seconds; got {shown(told)}")
    _source(draft, path, at)
    _place(draft, path, at)


def _source(draft: Draft, path: Steps, at: Steps) -> None:
    """One thing that the SageMaker Model is made of, or is."""
    sources = [key for key in ("sagemaker-model", "model-package", "image") if draft.has(*path, key)]
    if not sources and isinstance(draft.value(*path), dict):
        hint = "add `image` (and `model-data`), `model-package`, or `sagemaker-model: NAME` for one that is there"
        draft.fault(path, "nothing says what the SageMaker Model is made of", hint, at_key=True)
    for key in sources[1:]:
        draft.fault((*path, key), f"there is `{sources[0]}` already", "keep one of them", at_key=True)
    if sources[:1] == ["sagemaker-model"]:
        for key in MAKING:
            if draft.has(*path, key) and key not in sources:
                draft.fault((*path, key), "the SageMaker Model is made already", "remove it", at_key=True)
    elif sources and not draft.has(*path, "role") and not draft.has(*at, "role"):
        hint = "add `role: arn:aws:iam::ACCOUNT:role/NAME` to the driver"
        draft.fault(path, "`role` is missing: what the container may do in the account", hint, at_key=True)


def _place(draft: Draft, path: Steps, at: Steps) -> None:
    """What the variant runs on."""
    serverless = draft.has(*path, "serverless")
    if serverless and draft.has(*path, "instance-type"):
        draft.fault((*path, "instance-type"), "a serverless variant has no instances", "remove it", at_key=True)
    if serverless and draft.number(*path, "replicas", default=1) != 1:
        draft.fault((*path, "replicas"), "a serverless variant has no instances", "remove it", at_key=True)
    if serverless or draft.has(*path, "instance-type") or draft.has(*at, "instance-type"):
        return
    if isinstance(draft.value(*path), dict):
        draft.fault(path, "`instance-type` is missing", "add `instance-type: ml.m5.large` to the driver", at_key=True)


def _distinct(draft: Draft) -> None:
    """Two variants with one SageMaker Model could not be told apart."""
    taken: dict[str, str] = {}
    for name in draft.names("models"):
        adopted = draft.value("models", name, "sagemaker-model")
        if adopted in taken:
            draft.fault(("models", name, "sagemaker-model"), f"is model {taken[adopted]}, too", "name each once")
        elif adopted:
            taken[adopted] = name


def _field(draft: Draft, path: Steps, shape: str) -> None:
    told = draft.value(*path)
    wrong = amiss(shape, told) if told is not None else ""
    if wrong:
        draft.fault(path, f"{wrong}; got {shown(told)}")
