"""InvokeEndpoint: routing, errors, metrics and captures."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulators.clients import Clients, variant
from tests.emulators.sagemaker import SageMakerEmulator
from tests.emulators.sagemaker.local import LocalModel, local_model

CAPTURE = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://captures/fraud-models",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
}
MAIN = {"EndpointName": "fraud", "VariantName": "main"}


def serve(aws: SageMakerEmulator, at: Clients, name: str, *variants: dict[str, Any], **more: Any) -> None:
    """Have the endpoint serve another configuration."""
    at.config(name, *variants, **more)
    at.update("fraud", name)
    aws.advance(600)


def test_traffic_follows_the_weights(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """A variant's share is its weight over the sum of all."""
    serve(aws, at, "split", variant("main", "old", weight=3.0), variant("candidate", "new", weight=1.0))

    answers = [at.invoke(fraud) for _ in range(200)]
    counts = Counter(answer["InvokedProductionVariant"] for answer in answers)

    assert 120 <= counts["main"] <= 180
    assert counts["main"] + counts["candidate"] == 200
    assert {json.loads(answer["Body"].read())["model"] for answer in answers} == {"old", "new"}


def test_the_same_seed_routes_alike(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """Setting the seed begins the same sequence of draws."""
    serve(aws, at, "split", variant("main", "old"), variant("candidate", "new"))

    runs = []
    for _ in range(2):
        aws.world.apply(aws.settings)
        runs.append([at.invoke(fraud)["InvokedProductionVariant"] for _ in range(20)])

    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 2


def test_a_target_variant_overrides_the_weights(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """TargetVariant reaches a variant of weight 0, and one that is not there is refused."""
    serve(aws, at, "dark", variant("main", "old"), variant("dark", "new", weight=0.0))

    assert at.invoke(fraud, TargetVariant="dark")["InvokedProductionVariant"] == "dark"
    with pytest.raises(ClientError, match="Variant none not found") as refused:
        at.invoke(fraud, TargetVariant="none")
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_a_shadow_gets_copies_and_answers_nobody(
    aws: SageMakerEmulator, at: Clients, fraud: str, new: LocalModel
) -> None:
    """Each request is copied to the shadow, whose metrics stand beside, and whose errors harm nobody."""
    shadows = [variant("shadow", "new")]
    serve(aws, at, "shadowed", variant("main", "old"), ShadowProductionVariants=shadows)
    new.status = 500

    answers = {at.invoke(fraud, b'{"n": 1}')["InvokedProductionVariant"] for _ in range(5)}
    aws.drain()

    assert answers == {"main"}
    assert new.asked == [b'{"n": 1}'] * 5
    assert at.describe(fraud)["ShadowProductionVariants"][0]["VariantName"] == "shadow"
    found = at.metric(aws.clock.now(), "Invocation5XXErrors", EndpointName=fraud, VariantName="shadow")
    assert found == [5.0]


def test_a_failing_model_is_told_and_counted(aws: SageMakerEmulator, at: Clients, fraud: str, old: LocalModel) -> None:
    """ModelError carries the model's status; 5XX and model errors are 1 for it and 0 for others."""
    at.invoke(fraud)
    old.status = 503
    with pytest.raises(ClientError) as failed:
        at.invoke(fraud)

    assert failed.value.response["Error"]["Code"] == "ModelError"
    assert failed.value.response["OriginalStatusCode"] == 503
    for metric in ("Invocation5XXErrors", "InvocationModelErrors"):
        assert at.metric(aws.clock.now(), metric, "Average", **MAIN) == [0.5]
    assert at.metric(aws.clock.now(), "Invocation4XXErrors", **MAIN) == [0.0]
    assert at.metric(aws.clock.now(), "Invocations", **MAIN) == [2.0]


def test_a_model_that_does_not_answer_is_a_model_error(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """Nothing listens any more: the status is 0, and it counts as a model error but as no 5XX."""
    with local_model("brief") as brief:
        at.model("brief", brief.image)
        serve(aws, at, "brief", variant("main", "brief"))
    with pytest.raises(ClientError) as failed:
        at.invoke(fraud)

    assert failed.value.response["OriginalStatusCode"] == 0
    assert at.metric(aws.clock.now(), "InvocationModelErrors", **MAIN) == [1.0]
    assert at.metric(aws.clock.now(), "Invocation5XXErrors", **MAIN) == [0.0]


def test_a_model_can_be_named_by_its_environment(
    aws: SageMakerEmulator, at: Clients, fraud: str, new: LocalModel
) -> None:
    """MLSHIP_EMULATED_URL of the container goes before its image."""
    environment = {"MLSHIP_EMULATED_URL": f"{new.url}/invocations"}
    container = {"Image": "123456789012.dkr.ecr.us-east-1.example/fraud:2", "Environment": environment}
    at.sagemaker.create_model(ModelName="named", PrimaryContainer=container)
    serve(aws, at, "named", variant("main", "named"))

    assert json.loads(at.invoke(fraud)["Body"].read()) == {"model": "new"}


def test_a_serverless_variant_has_no_instances(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """It serves without counts, and publishes nothing per instance."""
    serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    serve(aws, at, "serverless", {"VariantName": "main", "ModelName": "new", "ServerlessConfig": serverless})
    at.invoke(fraud)

    found = at.describe(fraud)["ProductionVariants"][0]
    assert found["CurrentServerlessConfig"] == serverless
    assert "CurrentInstanceCount" not in found
    assert at.metric(aws.clock.now(), "InvocationsPerInstance", **MAIN) == []


def test_series_of_errors_may_be_missing(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """Without errors there need be no datapoint of them at all."""
    aws.settings.series_without_errors = False
    at.invoke(fraud)

    assert at.metric(aws.clock.now(), "Invocation5XXErrors", **MAIN) == []
    assert at.metric(aws.clock.now(), "Invocations", **MAIN) == [1.0]


def test_latency_is_in_microseconds_and_by_configuration(
    aws: SageMakerEmulator, at: Clients, fraud: str, old: LocalModel
) -> None:
    """ModelLatency is published with and without the EndpointConfigName, in microseconds."""
    for old.latency in (1_000.0, 2_000.0, 30_000.0):
        at.invoke(fraud)
    now = aws.clock.now()

    assert at.metric(now, "ModelLatency", "p50", **MAIN) == [2_000.0]
    assert at.metric(now, "ModelLatency", "Maximum", **MAIN, EndpointConfigName="was") == [30_000.0]
    assert at.metric(now, "InvocationsPerInstance", **MAIN) == [1.5]


def test_metrics_lag_behind(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """A datapoint can be read only some time after it was made."""
    aws.settings.metric_lag = 120.0
    at.invoke(fraud)
    made = aws.clock.now()

    before = at.metric(made, "Invocations", **MAIN)
    aws.advance(120)

    assert (before, at.metric(made, "Invocations", **MAIN)) == ([], [1.0])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"InferenceId": "x" * 65}, "inferenceId"),
        ({"TargetVariant": "a_b"}, "targetVariant"),
        ({"Body": b"x" * 6_291_457}, "larger than"),
    ],
)
def test_invocations_that_are_refused(at: Clients, fraud: str, more: dict[str, Any], message: str) -> None:
    """What breaks InvokeEndpoint's own rules is a ValidationError, and reaches no model."""
    body = more.pop("Body", b"{}")

    with pytest.raises(ClientError, match=message) as refused:
        at.invoke(fraud, body, **more)

    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_captures_arrive_late_and_in_their_layout(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """A captured exchange is a JSON line under endpoint, variant and hour, some time after it happened."""
    at("s3").create_bucket(Bucket="captures")
    serve(aws, at, "captured", variant("main", "old"), DataCaptureConfig=CAPTURE)
    at.invoke(fraud, b'{"amount": 1}', InferenceId="order-1")

    hour = datetime.fromtimestamp(aws.clock.now(), UTC).strftime("%Y/%m/%d/%H")
    early = at("s3").list_objects_v2(Bucket="captures")["KeyCount"]
    aws.advance(60)
    key = at("s3").list_objects_v2(Bucket="captures")["Contents"][0]["Key"]
    line = json.loads(at("s3").get_object(Bucket="captures", Key=key)["Body"].read())

    assert early == 0
    assert key.startswith(f"fraud-models/fraud/main/{hour}/")
    assert line["captureData"]["endpointInput"] == {
        "observedContentType": "application/json",
        "mode": "INPUT",
        "data": '{"amount": 1}',
        "encoding": "JSON",
    }
    assert line["captureData"]["endpointOutput"]["data"] == '{"model": "old"}'
    assert line["eventMetadata"]["inferenceId"] == "order-1"


def test_captures_are_sampled(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """InitialSamplingPercentage is the share of requests that is kept; without content types in base64."""
    at("s3").create_bucket(Bucket="captures")
    sampled = {key: value for key, value in CAPTURE.items() if key != "CaptureContentTypeHeader"}
    serve(aws, at, "sampled", variant("main", "old"), DataCaptureConfig=sampled | {"InitialSamplingPercentage": 50})
    for _ in range(60):
        at.invoke(fraud)
    aws.advance(60)

    key = at("s3").list_objects_v2(Bucket="captures")["Contents"][0]["Key"]
    lines = at("s3").get_object(Bucket="captures", Key=key)["Body"].read().splitlines()

    assert 15 <= len(lines) <= 45
    assert json.loads(lines[0])["captureData"]["endpointInput"]["data"] == "e30="
    assert at.describe(fraud)["DataCaptureConfig"]["CaptureStatus"] == "Started"


def test_s3_keeps_its_conditional_writes(aws: SageMakerEmulator, at: Clients) -> None:
    """Behind the same address objects are written only if they are not there, or unchanged."""
    s3 = at("s3")
    s3.create_bucket(Bucket="state")
    tag = s3.put_object(Bucket="state", Key="a", Body=b"1", IfNoneMatch="*")["ETag"]

    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="state", Key="a", Body=b"2", IfNoneMatch="*")
    s3.put_object(Bucket="state", Key="a", Body=b"3", IfMatch=tag)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="state", Key="a", Body=b"4", IfMatch=tag)
    assert s3.get_object(Bucket="state", Key="a")["Body"].read() == b"3"
    assert s3.head_object(Bucket="state", Key="a")["ContentLength"] == 1
