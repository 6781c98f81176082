"""The states of an endpoint over time, and what is refused in which."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from mlship.clock import Clock
from tests.emulators.clients import Clients, variant
from tests.emulators.sagemaker import INTERNAL, Outcome, SageMakerEmulator
from tests.emulators.sagemaker.local import LocalModel

ARN = '"arn:aws:sagemaker:us-east-1:123456789012:'


def test_a_creation_takes_its_time(aws: SageMakerEmulator, at: Clients) -> None:
    """An endpoint is Creating, without variants but with what is pending, until it is InService."""
    at.model("m")
    at.config("c", variant("main", "m"))
    at.endpoint("fraud", "c")

    early = at.describe("fraud")
    aws.advance(239)
    late = at.describe("fraud")
    aws.advance(1)
    done = at.describe("fraud")

    assert (early["EndpointStatus"], late["EndpointStatus"], done["EndpointStatus"]) == (
        "Creating",
        "Creating",
        "InService",
    )
    assert "ProductionVariants" not in early
    assert early["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Creating"
    assert done["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert "PendingDeploymentSummary" not in done


def test_an_update_shows_the_old_configuration_until_done(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """While Updating, DescribeEndpoint names what serves, and the new one only as pending."""
    at.update(fraud, "next")

    during = at.describe(fraud)
    aws.advance(600)
    after = at.describe(fraud)

    assert (during["EndpointStatus"], during["EndpointConfigName"]) == ("Updating", "was")
    assert during["PendingDeploymentSummary"]["EndpointConfigName"] == "next"
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "next")


@pytest.mark.parametrize("change", ["update", "weights", "delete"])
def test_a_busy_endpoint_refuses_every_change(at: Clients, fraud: str, change: str) -> None:
    """UpdateEndpoint, re-weighting and DeleteEndpoint are refused alike while one is under way."""
    changes: dict[str, Callable[[], None]] = {
        "update": lambda: at.update(fraud, "was"),
        "weights": lambda: at.weights(fraud, main=1.0),
        "delete": lambda: at.sagemaker.delete_endpoint(EndpointName=fraud),
    }
    at.update(fraud, "next")

    with pytest.raises(ClientError, match="Cannot update in-progress endpoint") as refused:
        changes[change]()

    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert f"{ARN}endpoint/fraud" in refused.value.response["Error"]["Message"]


@pytest.mark.parametrize("reason", [None, "The primary container did not pass the ping health check."])
def test_a_silent_rollback_is_in_service_with_the_old_configuration(
    aws: SageMakerEmulator, at: Clients, fraud: str, reason: str | None
) -> None:
    """After a rollback nothing but the name of the configuration, and maybe a reason, tells that it failed."""
    aws.outcome(Outcome(kind="rolled-back", reason=reason))
    at.update(fraud, "next")
    aws.advance(250)
    during = at.describe(fraud)
    aws.advance(600)
    after = at.describe(fraud)

    assert during["EndpointStatus"] == "RollingBack"
    assert (after["EndpointStatus"], after["EndpointConfigName"]) == ("InService", "was")
    assert after.get("FailureReason") == reason


def test_a_failed_rollback_leaves_a_mix(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """UpdateRollbackFailed still serves, from both fleets, and takes another update."""
    aws.outcome(Outcome(kind="rollback-failed", reason=INTERNAL))
    at.update(fraud, "next")
    aws.advance(600)

    assert at.describe(fraud)["EndpointStatus"] == "UpdateRollbackFailed"
    assert {at.invoke(fraud)["Body"].read() for _ in range(40)} == {b'{"model": "old"}', b'{"model": "new"}'}
    at.update(fraud, "next")
    aws.advance(600)
    assert at.describe(fraud)["EndpointStatus"] == "InService"


def test_a_failed_creation_can_only_be_deleted(aws: SageMakerEmulator, at: Clients) -> None:
    """Failed says why, refuses updates, and goes by DeleteEndpoint."""
    at.model("m")
    at.config("c", variant("main", "m"))
    aws.outcome(Outcome(kind="failed", reason=INTERNAL, on="create"))
    at.endpoint("fraud", "c")
    aws.advance(600)

    failed = at.describe("fraud")
    with pytest.raises(ClientError, match="DeleteEndpoint is the only operation"):
        at.update("fraud", "c")
    at.sagemaker.delete_endpoint(EndpointName="fraud")
    deleting = at.describe("fraud")["EndpointStatus"]
    aws.advance(60)

    assert (failed["EndpointStatus"], failed["FailureReason"]) == ("Failed", INTERNAL)
    assert deleting == "Deleting"
    with pytest.raises(ClientError, match=f"Could not find endpoint {ARN}endpoint/fraud"):
        at.describe("fraud")


def test_an_endpoint_that_comes_up_cannot_be_deleted(at: Clients, aws: SageMakerEmulator) -> None:
    """Creating refuses DeleteEndpoint, and serves nobody."""
    at.model("m")
    at.config("c", variant("main", "m"))
    at.endpoint("fraud", "c")

    with pytest.raises(ClientError, match="in-progress"):
        at.sagemaker.delete_endpoint(EndpointName="fraud")
    with pytest.raises(ClientError, match="Endpoint fraud of account 123456789012 not found"):
        at.invoke("fraud")


def test_a_model_that_does_not_answer_fails_the_update(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """A new fleet whose model takes no connection is rolled back for its health check."""
    at.model("gone", "emulated/http:127.0.0.1:9")
    at.config("broken", variant("main", "gone"))
    at.update(fraud, "broken")
    aws.advance(600)

    found = at.describe(fraud)
    assert found["EndpointConfigName"] == "was"
    assert "did not pass the ping health check" in found["FailureReason"]


def test_a_model_that_is_not_well_fails_the_update(
    aws: SageMakerEmulator, at: Clients, fraud: str, new: LocalModel
) -> None:
    """With a health path the model itself says whether it is ready."""
    aws.settings.health_path = "/ping"
    statuses = []
    for new.healthy in (False, True):
        at.update(fraud, "next")
        aws.advance(600)
        statuses.append(at.describe(fraud)["EndpointConfigName"])

    assert statuses == ["was", "next"]


def test_a_stuck_update_stays_until_released(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """An update can hang for days, and still succeed."""
    aws.outcome(Outcome(kind="stuck", after="ActivatingTraffic"))
    at.update(fraud, "next")
    aws.advance(20_000)
    hanging = at.describe(fraud)["EndpointStatus"]
    aws.release(fraud)
    aws.advance(600)

    assert hanging == "Updating"
    assert at.describe(fraud)["EndpointConfigName"] == "next"


def test_maintenance_locks_but_changes_nothing(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """SystemUpdating refuses changes, serves, and ends as it began."""
    aws.system_update(fraud, 60)

    assert at.describe(fraud)["EndpointStatus"] == "SystemUpdating"
    assert at.invoke(fraud)["InvokedProductionVariant"] == "main"
    with pytest.raises(ClientError, match="in-progress"):
        at.update(fraud, "next")
    aws.advance(60)
    assert (at.describe(fraud)["EndpointStatus"], at.describe(fraud)["EndpointConfigName"]) == ("InService", "was")


def test_new_things_are_not_seen_at_once(aws: SageMakerEmulator, at: Clients) -> None:
    """The first reads after a creation may answer that there is no such thing."""
    aws.settings.unseen_reads = 2
    at.model("m")

    for _ in range(2):
        with pytest.raises(ClientError, match=f"Could not find model {ARN}model/m"):
            at.sagemaker.describe_model(ModelName="m")
    assert at.sagemaker.describe_model(ModelName="m")["ModelName"] == "m"


def test_an_update_is_not_seen_at_once(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """The first reads after UpdateEndpoint may still say InService with the old configuration."""
    aws.settings.stale_describes = 2
    at.update(fraud, "next")

    assert [at.describe(fraud)["EndpointStatus"] for _ in range(3)] == ["InService", "InService", "Updating"]


def test_an_update_misses_a_deleted_configuration(at: Clients, fraud: str) -> None:
    """A configuration may be deleted while it serves; the next update needs it."""
    at.sagemaker.delete_endpoint_config(EndpointConfigName="was")

    assert at.invoke(fraud)["InvokedProductionVariant"] == "main"
    with pytest.raises(ClientError, match=f"Could not find endpoint configuration {ARN}endpoint-config/was"):
        at.update(fraud, "next")


def test_regions_know_nothing_of_each_other(aws: SageMakerEmulator, fraud: str) -> None:
    """Whoever asks in another region finds nothing there."""
    with pytest.raises(ClientError, match="Could not find endpoint"):
        Clients(aws.url, region="eu-west-1").describe(fraud)


def test_its_clock_is_one_for_a_driver(aws: SageMakerEmulator, at: Clients, fraud: str) -> None:
    """A driver that waits on the emulator's clock moves it, and the update with it."""
    clock: Clock = aws.clock
    at.update(fraud, "next")
    polls = 0
    while at.describe(fraud)["EndpointStatus"] != "InService":
        clock.sleep(30)
        polls += 1

    assert polls == 10
