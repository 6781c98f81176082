"""What goes wrong on order: throttling, errors, lost connections, missing rights; and steering from outside."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.emulators.clients import Clients, variant
from tests.emulators.process import order, process
from tests.emulators.sagemaker import Fault, SageMakerEmulator


@pytest.mark.parametrize(
    ("kind", "service", "call", "code"),
    [
        ("throttle", "sagemaker", "list_models", "ThrottlingException"),
        ("500", "sagemaker", "list_models", "InternalFailure"),
        ("503", "sagemaker", "list_models", "ServiceUnavailable"),
        ("throttle", "cloudwatch", "describe_alarms", "Throttling"),
        ("throttle", "s3", "list_buckets", "SlowDown"),
        ("503", "sts", "get_caller_identity", "ServiceUnavailable"),
    ],
)
def test_each_service_fails_in_its_own_words(
    aws: SageMakerEmulator, at: Clients, kind: Any, service: str, call: str, code: str
) -> None:
    """A fault befalls as many calls as it was ordered for, in the protocol of the service."""
    aws.fault(Fault(kind=kind, on=f"{service}:*"))

    with pytest.raises(ClientError) as failed:
        getattr(at(service), call)()
    getattr(at(service), call)()

    assert failed.value.response["Error"]["Code"] == code


def test_a_burst_of_throttling_is_outlasted_by_retries(aws: SageMakerEmulator) -> None:
    """botocore's own retries get through two refusals, and each attempt is counted."""
    aws.fault(Fault(kind="throttle", on="sagemaker:ListModels", times=2))

    assert Clients(aws.url, attempts=3).sagemaker.list_models()["Models"] == []
    assert aws.calls["sagemaker:ListModels"] == 3


def test_a_lost_answer_leaves_its_effect(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """`drop` ends the connection before anything happened, `lose` after it has."""
    aws.fault(Fault(kind="drop", on="sagemaker:UpdateEndpoint"))
    aws.fault(Fault(kind="lose", on="sagemaker:UpdateEndpoint"))

    states = []
    for _ in range(2):
        with pytest.raises(BotoCoreError):
            at.update(fraud, "next")
        states.append(at.describe(fraud)["EndpointStatus"])

    assert states == ["InService", "Updating"]


def test_a_fault_can_wait_for_a_later_call(aws: SageMakerEmulator, at: Clients) -> None:
    """`skip` lets calls pass first; `error` says what it was told to."""
    aws.fault(Fault(kind="error", on="sagemaker:ListModels", skip=1, code="Odd", message="so it is", status=409))

    at.sagemaker.list_models()
    with pytest.raises(ClientError, match="so it is") as failed:
        at.sagemaker.list_models()

    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_a_slow_answer_still_comes(aws: SageMakerEmulator, at: Clients) -> None:
    """`slow` keeps the caller waiting, and then answers."""
    aws.fault(Fault(kind="slow", on="sagemaker:ListModels", seconds=0.1))

    assert at.sagemaker.list_models()["Models"] == []


def test_expired_credentials_are_good_for_nothing(aws: SageMakerEmulator, at: Clients) -> None:
    """Every service refuses an expired token."""
    aws.settings.expired = True

    for service, call in (("sagemaker", "list_models"), ("sts", "get_caller_identity"), ("s3", "list_buckets")):
        with pytest.raises(ClientError, match="ExpiredToken"):
            getattr(at(service), call)()


def test_a_token_can_be_expired_for_one_caller(aws: SageMakerEmulator, at: Clients) -> None:
    """The session token `expired` is refused, while others go on."""
    with pytest.raises(ClientError, match="ExpiredTokenException"):
        Clients(aws.url, token="expired").sagemaker.list_models()
    assert at.sagemaker.list_models()["Models"] == []


def test_s3_can_answer_with_a_conflict(aws: SageMakerEmulator, at: Clients) -> None:
    """Under contention S3 may answer 409 instead of 412, which moto never does."""
    aws.fault(Fault(kind="error", on="s3:PUT", code="ConditionalRequestConflict", status=409))

    with pytest.raises(ClientError, match="ConditionalRequestConflict") as refused:
        at("s3").put_object(Bucket="b", Key="k", Body=b"", IfNoneMatch="*")

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_denied_actions_are_told_by_name(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """What the caller may not do is refused, and what it may can be simulated before."""
    aws.settings.denied = ["sagemaker:UpdateEndpoint", "s3:PutObject"]

    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:UpdateEndpoint") as refused:
        at.update(fraud, "next")
    with pytest.raises(ClientError, match="AccessDenied"):
        at("s3").put_object(Bucket="b", Key="k", Body=b"")
    simulated = at("iam").simulate_principal_policy(
        PolicySourceArn=at("sts").get_caller_identity()["Arn"],
        ActionNames=["sagemaker:UpdateEndpoint", "sagemaker:DescribeEndpoint"],
    )["EvaluationResults"]

    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert [result["EvalDecision"] for result in simulated] == ["implicitDeny", "allowed"]
    assert at.describe(fraud)["EndpointStatus"] == "InService"


def test_unsigned_requests_are_refused(aws: SageMakerEmulator) -> None:
    """Without credentials there is no answer."""
    headers = {"x-amz-target": "SageMaker.ListModels"}
    request = urllib.request.Request(aws.url, b"{}", headers, method="POST")

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)

    with refused.value as answer:
        assert json.load(answer)["__type"] == "MissingAuthenticationTokenException"


def test_what_is_not_emulated_says_so(at: Clients) -> None:
    """An operation that nobody emulates is no silent success."""
    with pytest.raises(ClientError, match="not emulated"):
        at.sagemaker.list_clusters()


def test_another_process_can_steer_it() -> None:
    """As a process it takes orders over HTTP: outcomes, faults, settings, the clock, and tells the calls."""
    with process("--manual") as url:
        at = Clients(url)
        order(url, "settings", timings={"provision": 10.0}, quotas={"ml.m5.large": 9})
        at.model("m")
        at.config("c", variant("main", "m"))
        order(url, "outcome", kind="failed", reason="no luck", on="create")
        at.endpoint("fraud", "c")
        before = order(url, "now")
        order(url, "advance", seconds=10)
        order(url, "fault", kind="throttle", on="sagemaker:ListModels")
        sample = {"metric": "ModelLatency", "endpoint": "fraud", "variant": "main", "values": [5.0, 7.0], "ago": 60}
        order(url, "metrics", samples=[sample])

        assert order(url, "now") == before + 10
        assert at.describe("fraud")["FailureReason"] == "no luck"
        assert at.metric(before, "ModelLatency", "Average", EndpointName="fraud", VariantName="main") == [6.0]
        with pytest.raises(ClientError, match="Rate exceeded"):
            at.sagemaker.list_models()
        assert order(url, "calls")["sagemaker:CreateEndpoint"] == 1
        order(url, "reset")
        assert order(url, "calls") == {}


def test_a_process_runs_at_its_speed() -> None:
    """With --speed an endpoint comes up by itself."""
    with process("--speed", "2400") as url:
        at = Clients(url)
        at.model("m")
        at.config("c", variant("main", "m"))
        at.endpoint("fraud", "c")
        at.sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName="fraud", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200}
        )


def test_a_faulty_order_is_refused(aws: SageMakerEmulator) -> None:
    """A word that no order knows is an error, not silence."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        order(aws.url, "outcome", kind="good")
    with refused.value as answer:
        assert answer.status == 400
    with pytest.raises(urllib.error.HTTPError) as unknown:
        order(aws.url, "release", endpoint="none")
    with unknown.value as answer:
        assert "Could not find endpoint" in answer.read().decode()
