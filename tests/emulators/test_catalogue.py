"""Models, configurations, tags, listings, autoscaling and quotas; and requests that break their shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulators.clients import ROLE, TYPE, Clients, variant
from tests.emulators.sagemaker import SageMakerEmulator
from tests.emulators.sagemaker.errors import ApiError
from tests.emulators.sagemaker.service import HANDLERS
from tests.emulators.sagemaker.shapes import amiss, checked, expression, operation

TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/fraud/variant/main",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
CAPTURE = {
    "InitialSamplingPercentage": 101,
    "DestinationS3Uri": "ftp://bucket",
    "CaptureOptions": [{"CaptureMode": "Input"}] * 33,
}
MANY = [variant(f"v{number}", "old") for number in range(11)]


def test_names_are_taken_once(at: Clients, fraud: str) -> None:
    """Creating what exists is refused in AWS's words, whatever it holds."""
    again: dict[str, Callable[[], None]] = {
        "model": lambda: at.model("old"),
        "endpoint configuration": lambda: at.config("was", variant("main", "old")),
        "endpoint": lambda: at.endpoint(fraud, "was"),
    }
    for kind, create in again.items():
        with pytest.raises(ClientError, match=f"Cannot create already existing {kind} ") as refused:
            create()
        assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ProductionVariants": MANY}, "less than or equal to 10"),
        ({"ProductionVariants": [variant("a_b", "old")]}, "regular expression pattern"),
        ({"ProductionVariants": [variant("a", "old") | {"InstanceType": "ml.none"}]}, "enum value set"),
        ({"ProductionVariants": [variant("a", "none")]}, "Could not find model"),
        ({"ProductionVariants": [variant("a", "old"), variant("a", "new")]}, "unique"),
        ({"ProductionVariants": [variant("a", "old", weight=0.0)]}, "above 0"),
        ({"ProductionVariants": [{"VariantName": "a", "ModelName": "old"}]}, "InstanceType and InitialInstanceCount"),
        (
            {"ProductionVariants": [variant("a", "old"), variant("b", "old")], "ShadowProductionVariants": MANY[:1]},
            "exactly one production and one shadow",
        ),
        ({"ShadowProductionVariants": MANY[:2]}, "exactly one production and one shadow"),
        ({"DataCaptureConfig": CAPTURE}, "3 validation errors detected"),
    ],
)
def test_configurations_that_are_refused(at: Clients, fraud: str, change: dict[str, Any], message: str) -> None:
    """What botocore lets through, the service refuses: maxima, patterns, enumerations, and its own rules."""
    asked = {"EndpointConfigName": "bad", "ProductionVariants": [variant("main", "old")], **change}

    with pytest.raises(ClientError, match=message):
        at.sagemaker.create_endpoint_config(**asked)
    with pytest.raises(ClientError, match="Could not find"):
        at.sagemaker.describe_endpoint_config(EndpointConfigName="bad")


def test_a_configuration_is_told_as_it_was_given(at: Clients, fraud: str) -> None:
    """Nothing of it is dropped, and weights have their default."""
    shadow = variant("shadow", "new", weight=0.5)
    plain = {key: value for key, value in variant("main", "old").items() if key != "InitialVariantWeight"}
    at.config("full", plain, ShadowProductionVariants=[shadow], ExecutionRoleArn=ROLE)

    found = at.sagemaker.describe_endpoint_config(EndpointConfigName="full")

    assert found["ShadowProductionVariants"] == [shadow]
    assert found["ProductionVariants"] == [plain | {"InitialVariantWeight": 1.0}]
    assert found["ExecutionRoleArn"] == ROLE


def test_every_fault_of_a_request_is_told() -> None:
    """Missing, unknown, mistyped and out-of-range members are named with their path, all at once."""
    shape = operation("sagemaker", "UpdateEndpointWeightsAndCapacities").input_shape
    asked = {"EndpointName": 7, "Odd": 1, "DesiredWeightsAndCapacities": [{"DesiredWeight": -1.0}]}

    with pytest.raises(ApiError) as refused:
        checked(shape, asked)

    assert refused.value.message.startswith("4 validation errors detected: ")
    for text in (
        "Value '7' at 'endpointName' failed to satisfy constraint: Member must be a string",
        "Value '1' at 'odd' failed to satisfy constraint: Member is unknown",
        "Value null at 'desiredWeightsAndCapacities.1.member.variantName' failed to satisfy constraint",
        "'desiredWeightsAndCapacities.1.member.desiredWeight' failed to satisfy constraint: Member must have value",
    ):
        assert text in refused.value.message


def test_every_pattern_can_be_checked() -> None:
    """Each pattern of the operations that are emulated is one that Python understands."""
    patterns = {
        pattern
        for of, handlers in HANDLERS.items()
        for name in handlers
        for pattern in patterns_of(operation(of, name).input_shape, set())
    }

    assert len(patterns) > 20
    assert all(expression(pattern) for pattern in patterns)


def patterns_of(shape: Any, seen: set[str]) -> Iterator[str]:
    if shape is None or shape.name in seen:
        return
    seen.add(shape.name)
    if pattern := shape.metadata.get("pattern"):
        yield pattern
    for member in parts(shape):
        yield from patterns_of(member, seen)


def parts(shape: Any) -> list[Any]:
    match shape.type_name:
        case "structure":
            return list(shape.members.values())
        case "list":
            return [shape.member]
        case "map":
            return [shape.key, shape.value]
        case _:
            return []


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"\p{Print}+", "a b", "a\n"),
        (r"\A\S[\p{Print}]*\z", "a b", " a"),
        (r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "é b:1", "a#b"),
        (r"[\u0020-\uD7FF\uD800\uDC00-\uDBFF\uDFFF]*", "a\U0001f600", "\n"),
    ],
)
def test_java_patterns_are_read_as_java_does(pattern: str, good: str, bad: str) -> None:
    """Classes of characters, anchors and surrogates of Java mean the same here."""
    assert expression(pattern).fullmatch(good)
    assert not expression(pattern).fullmatch(bad)


def test_answers_are_held_against_their_shapes() -> None:
    """An answer that leaves out, adds or mistypes a member is found."""
    shape = operation("sagemaker", "DescribeEndpoint").output_shape
    found = amiss(shape, {"EndpointName": 1, "Odd": 2})

    assert "DescribeEndpointOutput has no Odd" in found
    assert "DescribeEndpointOutput lacks EndpointStatus" in found
    assert "EndpointName is 1" in found


def test_listings_are_paged_and_filtered(at: Clients, fraud: str) -> None:
    """Pages follow by token, names and statuses filter."""
    for number in range(5):
        at.model(f"paged-{number}")
    pages = at.sagemaker.get_paginator("list_models").paginate(
        NameContains="PAGED", SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    sizes, names = [], []
    for page in pages:
        sizes.append(len(page["Models"]))
        names += [model["ModelName"] for model in page["Models"]]

    assert (sizes, names) == ([2, 2, 1], [f"paged-{number}" for number in range(5)])
    assert [row["EndpointName"] for row in at.sagemaker.list_endpoints(StatusEquals="InService")["Endpoints"]] == [
        fraud
    ]
    assert at.sagemaker.list_endpoints(StatusEquals="Failed")["Endpoints"] == []
    configs = at.sagemaker.list_endpoint_configs()["EndpointConfigs"]
    assert {row["EndpointConfigName"] for row in configs} == {"was", "next"}


def test_tags_stay_with_their_resource(at: Clients, fraud: str) -> None:
    """Tags are added, told, taken away, and gone with what they belong to."""
    arn = at.describe(fraud)["EndpointArn"]
    tags = [{"Key": "mlship:service", "Value": "fraud"}, {"Key": "a", "Value": "b c"}]
    at.sagemaker.add_tags(ResourceArn=arn, Tags=tags)
    at.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])

    assert at.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "mlship:service", "Value": "fraud"}]
    model = at.sagemaker.describe_model(ModelName="new")["ModelArn"]
    at.sagemaker.delete_model(ModelName="new")
    with pytest.raises(ClientError, match="Could not find resource"):
        at.sagemaker.list_tags(ResourceArn=model)


def test_an_autoscaled_variant_keeps_its_type_until_deregistered(at: Clients, fraud: str) -> None:
    """Neither another instance type nor leaving is allowed to it; another model is."""
    scaling = at("application-autoscaling")
    scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=4)
    per_instance = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    tracking = {"TargetValue": 70.0, "PredefinedMetricSpecification": per_instance}
    policy = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": tracking}
    scaling.put_scaling_policy(PolicyName="p", **TARGET, **policy)
    at.config("larger", variant("main", "new") | {"InstanceType": "ml.m5.xlarge"})

    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"][0]["MaxCapacity"] == 4
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"][0]["PolicyName"] == "p"
    with pytest.raises(ClientError, match="deregistered"):
        at.update(fraud, "larger")
    scaling.deregister_scalable_target(**TARGET)
    at.update(fraud, "larger")
    assert scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"] == []
    with pytest.raises(ClientError, match="pending update"):
        scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=4)


def test_quotas_are_told_by_name(aws: SageMakerEmulator, at: Clients) -> None:
    """Service Quotas names the instances of each type for endpoint usage."""
    aws.settings.quotas = {TYPE: 4, "ml.m5.xlarge": 0}
    quotas = at("service-quotas").list_service_quotas(ServiceCode="sagemaker")["Quotas"]
    code = quotas[0]["QuotaCode"]

    assert [(quota["QuotaName"], quota["Value"]) for quota in quotas] == [
        ("ml.m5.large for endpoint usage", 4.0),
        ("ml.m5.xlarge for endpoint usage", 0.0),
    ]
    assert at("service-quotas").get_service_quota(ServiceCode="sagemaker", QuotaCode=code)["Quota"] == quotas[0]
