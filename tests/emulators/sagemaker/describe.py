"""DescribeEndpoint's answer."""

from __future__ import annotations

from typing import Any

from tests.emulators.sagemaker.endpoints import Endpoint, Update
from tests.emulators.sagemaker.fleet import Fleet, Variant

KEPT = ("ManagedInstanceScaling", "RoutingConfig")
OF_CONFIG = ("AsyncInferenceConfig", "ExplainerConfig", "MetricsConfig", "CrossRegionTrafficConfig")


def endpoint(it: Endpoint) -> dict[str, Any]:
    """What is so; not what a read that lags behind would tell."""
    found: dict[str, Any] = {
        "EndpointName": it.name,
        "EndpointArn": it.arn,
        "EndpointConfigName": it.fleet.config_name,
        "EndpointStatus": it.status,
        "CreationTime": it.created,
        "LastModifiedTime": it.modified,
    }
    if it.update is None or it.update.kind != "create":
        found |= _serving(it)
    if it.failure is not None:
        found["FailureReason"] = it.failure
    if it.policy:
        found["LastDeploymentConfig"] = it.policy
    if it.update is not None and it.update.new is not None:
        found["PendingDeploymentSummary"] = _pending(it.update, it.update.new)
    if capture := it.fleet.config.get("DataCaptureConfig"):
        found["DataCaptureConfig"] = _capture(capture, it)
    return found | {key: it.fleet.config[key] for key in OF_CONFIG if key in it.fleet.config}


def _serving(it: Endpoint) -> dict[str, Any]:
    found = {"ProductionVariants": [_variant(variant, it.update) for variant in it.fleet.variants]}
    if it.fleet.shadows:
        found["ShadowProductionVariants"] = [_variant(variant, it.update) for variant in it.fleet.shadows]
    return found


def _variant(variant: Variant, update: Update | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "VariantName": variant.name,
        "DeployedImages": [_image(variant)],
        "CurrentWeight": variant.weight,
        "DesiredWeight": variant.wanted_weight,
    }
    if variant.instance_type is not None:
        found |= {"CurrentInstanceCount": variant.count, "DesiredInstanceCount": variant.wanted_count}
    if serverless := variant.spec.get("ServerlessConfig"):
        found |= {"CurrentServerlessConfig": serverless, "DesiredServerlessConfig": serverless}
    found |= {key: variant.spec[key] for key in KEPT if key in variant.spec}
    if update is not None and update.kind in {"weights", "rollback"}:
        found["VariantStatus"] = [_status(update)]
    return found


def _pending(update: Update, new: Fleet) -> dict[str, Any]:
    found: dict[str, Any] = {
        "EndpointConfigName": new.config_name,
        "StartTime": update.began,
        "ProductionVariants": [_coming(variant, update) for variant in new.variants],
    }
    if new.shadows:
        found["ShadowProductionVariants"] = [_coming(variant, update) for variant in new.shadows]
    return found


def _coming(variant: Variant, update: Update) -> dict[str, Any]:
    found = _variant(variant, None) | {"VariantStatus": [_status(update)]}
    if variant.instance_type is not None:
        found["InstanceType"] = variant.instance_type
        if update.place == 0:
            found["CurrentInstanceCount"] = 0
    return found


def _status(update: Update) -> dict[str, Any]:
    return {"Status": update.phase.status, "StartTime": update.entered}


def _image(variant: Variant) -> dict[str, Any]:
    image = variant.container().get("Image", "")
    found: dict[str, Any] = {"SpecifiedImage": image, "ResolutionTime": variant.model["CreationTime"]}
    return found | {"ResolvedImage": f"{image.split('@')[0][:180]}@sha256:{'0' * 64}"}


def _capture(capture: dict[str, Any], it: Endpoint) -> dict[str, Any]:
    on = bool(capture.get("EnableCapture", True))
    return {
        "EnableCapture": on,
        "CaptureStatus": "Started" if on and it.status != "Creating" else "Stopped",
        "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
        "DestinationS3Uri": capture["DestinationS3Uri"],
        "KmsKeyId": capture.get("KmsKeyId", ""),
    }
