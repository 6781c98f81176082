"""Deployment policies: how traffic moves over time, what alarms do, what is refused; and what is retained."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.emulators.clients import Clients, variant
from tests.emulators.sagemaker import Outcome, SageMakerEmulator, Settings

HALF = {"Type": "CAPACITY_PERCENT", "Value": 50}
ALARM = {
    "AlarmName": "errors",
    "Namespace": "AWS/SageMaker",
    "MetricName": "Invocation5XXErrors",
    "Dimensions": [{"Name": "EndpointName", "Value": "fraud"}, {"Name": "VariantName", "Value": "main"}],
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 0,
    "ComparisonOperator": "GreaterThanThreshold",
}


def shifting(kind: str, *, wait: int = 300, last: int = 0, **size: Any) -> dict[str, Any]:
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **size}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": last}}


def rolling(**more: Any) -> dict[str, Any]:
    return {"RollingUpdatePolicy": {"MaximumBatchSize": HALF, "WaitIntervalInSeconds": 60, **more}}


def pending(at: Clients, name: str) -> str | None:
    found = at.describe(name).get("PendingDeploymentSummary")
    return None if found is None else str(found["ProductionVariants"][0]["VariantStatus"][0]["Status"])


def share_of_new(at: Clients, name: str, requests: int = 60) -> float:
    return sum(b"new" in at.invoke(name)["Body"].read() for _ in range(requests)) / requests


def test_a_canary_moves_half_then_all(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """CANARY provisions, gives the new fleet its share, bakes, and then gives it everything."""
    at.update(fraud, "next", DeploymentConfig=shifting("CANARY", last=100, CanarySize=HALF))

    seen = []
    for seconds in (0, 240, 30, 300, 30, 100):
        aws.advance(seconds)
        seen.append((pending(at, fraud), share_of_new(at, fraud, 40)))
    aws.advance(30)

    assert [status for status, _ in seen] == [
        "Creating",
        "ActivatingTraffic",
        "Baking",
        "ActivatingTraffic",
        "Baking",
        "Deleting",
    ]
    assert [share for _, share in seen][:2] == [0.0, 0.0]
    assert [share for _, share in seen][4:] == [1.0, 1.0]
    assert all(0.2 < share < 0.8 for _, share in seen[2:4])
    assert at.describe(fraud)["EndpointConfigName"] == "next"
    assert at.describe(fraud)["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TerminationWaitInSeconds"] == 100


def test_a_linear_shift_bakes_between_its_steps(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """LINEAR of 25 % waits three times before all the traffic is there."""
    policy = shifting("LINEAR", wait=100, LinearStepSize={"Type": "CAPACITY_PERCENT", "Value": 25})
    at.update(fraud, "next", DeploymentConfig=policy)
    aws.advance(240 + 4 * 30 + 3 * 100 + 29)
    before = at.describe(fraud)["EndpointStatus"]
    aws.advance(1)

    assert (before, at.describe(fraud)["EndpointStatus"]) == ("Updating", "InService")


def test_rolling_replaces_batch_by_batch(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """After the first of two batches half of the traffic meets the new fleet."""
    at.update(fraud, "next", DeploymentConfig=rolling())
    aws.advance(240 + 30)

    assert 0.2 < share_of_new(at, fraud) < 0.8
    aws.advance(60 + 30 + 240 + 30 + 60 + 30)
    assert at.describe(fraud)["EndpointConfigName"] == "next"


def test_an_alarm_rolls_back(aws: SageMakerEmulator, at: Clients, fraud: str, new: Any) -> None:
    """Errors of the new fleet while it bakes trip an alarm at its next evaluation: the old one serves again."""
    at("cloudwatch").put_metric_alarm(**ALARM)
    policy = shifting("ALL_AT_ONCE") | {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
    at.update(fraud, "next", DeploymentConfig=policy)
    aws.advance(275)
    new.status = 500
    with pytest.raises(ClientError, match="500"):
        at.invoke(fraud)
    aws.advance(60)
    tripped = at.describe(fraud)
    aws.advance(600)

    assert tripped["EndpointStatus"] == "RollingBack"
    assert at.describe(fraud)["EndpointConfigName"] == "was"
    assert "errors" in at.describe(fraud)["FailureReason"]


def test_an_alarm_set_by_hand_rolls_back_at_once(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """SetAlarmState is seen before the next evaluation takes it back."""
    at("cloudwatch").put_metric_alarm(**ALARM)
    policy = shifting("ALL_AT_ONCE") | {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
    at.update(fraud, "next", DeploymentConfig=policy)
    at("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")

    assert at.describe(fraud)["EndpointStatus"] == "RollingBack"


def test_an_update_that_takes_too_long_rolls_back(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """MaximumExecutionTimeoutInSeconds ends even what is stuck."""
    aws.outcome(Outcome(kind="stuck"))
    policy = shifting("ALL_AT_ONCE", wait=0)
    policy["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 600
    at.update(fraud, "next", DeploymentConfig=policy)
    aws.advance(599)
    before = at.describe(fraud)["EndpointStatus"]
    aws.advance(1)

    assert (before, at.describe(fraud)["EndpointStatus"]) == ("Updating", "RollingBack")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "both": (rolling() | shifting("ALL_AT_ONCE"), "Only one of"),
    "no size": (shifting("CANARY"), "CanarySize must be specified"),
    "a size too many": (shifting("ALL_AT_ONCE", CanarySize=HALF), "if and only if"),
    "large canary": (shifting("CANARY", CanarySize=HALF | {"Value": 51}), "between 0% and 50%"),
    "small step": (shifting("LINEAR", LinearStepSize=HALF | {"Value": 9}), "between 10% and 50%"),
    "large batch": (rolling(MaximumBatchSize=HALF | {"Value": 60}), "between 5% and 50%"),
    "more instances than half": (shifting("CANARY", CanarySize={"Type": "INSTANCE_COUNT", "Value": 2}), "is 100%"),
    "timeout within waits": (
        rolling(WaitIntervalInSeconds=3600, MaximumExecutionTimeoutInSeconds=600),
        "greater than the sum",
    ),
    "no such alarm": (rolling() | {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "none"}]}}, "does not exist"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_policies_that_aws_refuses(at: Clients, fraud: str, why: str) -> None:
    """A DeploymentConfig that cannot be carried out is refused before anything changes."""
    policy, message = REFUSED[why]

    with pytest.raises(ClientError, match=message):
        at.update(fraud, "next", DeploymentConfig=policy)
    assert at.describe(fraud)["EndpointStatus"] == "InService"


def test_guardrails_want_the_same_variants(at: Clients, fraud: str) -> None:
    """Variants can neither come nor go under a DeploymentConfig, and several cannot be rolled."""
    at.config("two", variant("main", "old"), variant("candidate", "new"))

    with pytest.raises(ClientError, match="variant names must stay"):
        at.update(fraud, "two", DeploymentConfig=shifting("ALL_AT_ONCE"))
    at.update(fraud, "two")
    assert at.describe(fraud)["EndpointStatus"] == "Updating"


def test_several_variants_cannot_be_rolled(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """RollingUpdatePolicy takes one variant, and more than one instance."""
    at.config("two", variant("main", "old"), variant("candidate", "new"))
    at.config("single", variant("main", "new", count=1))
    with pytest.raises(ClientError, match="1 instance"):
        at.update(fraud, "single", DeploymentConfig=rolling(MaximumBatchSize=HALF))
    at.update(fraud, "two")
    aws.advance(600)

    with pytest.raises(ClientError, match="multiple variants"):
        at.update(fraud, "two", DeploymentConfig=rolling())


@pytest.mark.parametrize(
    ("asked", "weight", "count"),
    [
        ({}, 1.0, 2),
        ({"RetainAllVariantProperties": True}, 7.0, 5),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}],
            },
            1.0,
            5,
        ),
    ],
)
def test_live_numbers_are_retained_on_request(
    aws: SageMakerEmulator, at: Clients, fraud: str, asked: dict[str, Any], weight: float, count: int
) -> None:
    """Weights and counts are the new configuration's, or with RetainAllVariantProperties the live ones."""
    wanted = [{"VariantName": "main", "DesiredWeight": 7.0, "DesiredInstanceCount": 5}]
    at.sagemaker.update_endpoint_weights_and_capacities(EndpointName=fraud, DesiredWeightsAndCapacities=wanted)
    aws.advance(200)
    at.update(fraud, "next", **asked)
    aws.advance(600)

    found = at.describe(fraud)["ProductionVariants"][0]
    assert (found["CurrentWeight"], found["CurrentInstanceCount"]) == (weight, count)


def test_weights_change_when_the_update_ends(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """Re-weighting shows what is desired at once, carries it out later, keeps the counts, and takes 0 for 0."""
    at.config("two", variant("main", "old"), variant("candidate", "new", weight=0.0))
    at.update(fraud, "two")
    aws.advance(600)
    at.weights(fraud, main=0.0, candidate=1.0)
    during = at.describe(fraud)
    aws.advance(60)
    after = at.describe(fraud)

    assert during["EndpointStatus"] == "Updating"
    assert [(v["CurrentWeight"], v["DesiredWeight"]) for v in during["ProductionVariants"]] == [(1.0, 0.0), (0.0, 1.0)]
    assert [(v["CurrentWeight"], v["CurrentInstanceCount"]) for v in after["ProductionVariants"]] == [
        (0.0, 2),
        (1.0, 2),
    ]
    assert share_of_new(at, fraud, 20) == 1.0


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ([{"VariantName": "other", "DesiredWeight": 1.0}], "not present within endpoint"),
        ([{"VariantName": "main", "DesiredWeight": 0.0}], "above 0"),
        ([{"VariantName": "main", "DesiredWeight": 1.0}, {"VariantName": "main", "DesiredWeight": 2.0}], "unique"),
    ],
)
def test_weights_that_are_refused(at: Clients, fraud: str, wanted: list[dict[str, Any]], message: str) -> None:
    """Unknown and repeated variants, and nobody to take the traffic, are refused."""
    with pytest.raises(ClientError, match=message):
        at.sagemaker.update_endpoint_weights_and_capacities(EndpointName=fraud, DesiredWeightsAndCapacities=wanted)


def test_a_failed_reweighting_rolls_back(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """RollingBack after a re-weighting ends in service with the weights of before."""
    aws.outcome(Outcome(kind="rolled-back", on="weights"))
    at.weights(fraud, main=9.0)
    aws.advance(61)
    during = at.describe(fraud)["EndpointStatus"]
    aws.advance(200)

    assert during == "RollingBack"
    assert at.describe(fraud)["ProductionVariants"][0]["DesiredWeight"] == 1.0


def test_blue_green_needs_room_for_two_fleets(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """The quota counts the new fleet beside the old one, and a re-count by its difference."""
    aws.settings.quotas["ml.m5.large"] = 3
    wanted = [{"VariantName": "main", "DesiredInstanceCount": 3}]

    with pytest.raises(ClientError, match="current utilization of 2 Instances and a request delta of 2") as refused:
        at.update(fraud, "next")
    at.sagemaker.update_endpoint_weights_and_capacities(EndpointName=fraud, DesiredWeightsAndCapacities=wanted)

    assert refused.value.response["Error"]["Code"] == "ResourceLimitExceeded"


def test_rolling_needs_room_for_a_batch(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """Where blue/green does not fit, a rolling update of half the instances does."""
    aws.settings.quotas["ml.m5.large"] = 3
    at.update(fraud, "next", DeploymentConfig=rolling())

    with pytest.raises(ClientError, match="current utilization of 3"):
        at.endpoint("other", "was")


def test_speed_divides_what_takes_time(old: Any) -> None:
    """At speed 600 a creation of four minutes takes 0.4 s of the clock."""
    with SageMakerEmulator(Settings(speed=600)) as aws:
        at = Clients(aws.url)
        at.model("m", old.image)
        at.config("c", variant("main", "m"))
        at.endpoint("fraud", "c")
        aws.advance(0.39)
        before = at.describe("fraud")["EndpointStatus"]
        aws.advance(0.02)

        assert (before, at.describe("fraud")["EndpointStatus"]) == ("Creating", "InService")
