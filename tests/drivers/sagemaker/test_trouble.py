"""What goes wrong between mlship and AWS: repeated by botocore alone, told in one line each."""

from __future__ import annotations

import pytest

from mlship.drivers.sagemaker import SagemakerDriver
from mlship.drivers.sagemaker.aws import Aws
from mlship.errors import ModelNotReady, OutOfReach, UsageError
from mlship.metrics.amazon import NoAccess
from mlship.plan.routing import Routing, all_to
from tests.emulators.clients import TYPE
from tests.emulators.sagemaker import Fault
from tests.support.sagemaker_site import SagemakerSite

HALF = Routing(segments=(("v2", 5000), ("v1", 5000)), salt="r1")


@pytest.mark.parametrize("kind", ["throttle", "500", "503", "drop"])
def test_trouble_while_an_update_is_waited_for(site: SagemakerSite, pair: SagemakerDriver, kind: str) -> None:
    """A look without an answer is none: the update goes on, and so does the wait."""
    site.aws.fault(Fault(kind=kind, on="sagemaker:DescribeEndpoint", skip=2, times=4))  # type: ignore[arg-type]
    pair.route(HALF)

    assert site.weights == {"v1": 5000, "v2": 5000}


@pytest.mark.parametrize("operation", ["CreateModel", "CreateEndpointConfig", "UpdateEndpoint"])
def test_answers_that_are_lost(site: SagemakerSite, pair: SagemakerDriver, operation: str) -> None:
    """What was done although nobody heard of it is found done: nothing is there twice."""
    driver = site.open(2, attempts=2)
    site.aws.fault(Fault(kind="lose", on=f"sagemaker:{operation}"))
    driver.ensure("v3", 1)

    assert driver.observe().models["v3"].ready == 1
    assert site.aws.calls[f"sagemaker:{operation}"] == 2
    assert len(site.clients.sagemaker.list_models()["Models"]) == 3


def test_botocore_alone_repeats(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """Its mode is pinned, and what it repeats nobody repeats again."""
    driver = site.open(2, attempts=2)
    site.aws.calls.clear()
    site.aws.fault(Fault(kind="throttle", on="sagemaker:UpdateEndpointWeightsAndCapacities", times=9))
    with pytest.raises(OutOfReach, match="ThrottlingException"):
        driver.route(HALF)

    retries = Aws(region="us-east-1", attempts=2).client("sagemaker").meta.config.retries
    assert site.aws.calls["sagemaker:UpdateEndpointWeightsAndCapacities"] == 2
    assert retries == {"mode": "standard", "total_max_attempts": 2}
    assert pair.observe().routing == all_to("v1")


def test_expired_credentials(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """They are told at once, also in the middle of a wait, with how to go on."""
    site.aws.settings.expired = True
    with pytest.raises(NoAccess, match="have expired") as told:
        pair.route(HALF)

    assert "mlship resume" in told.value.hint


def test_a_missing_permission_is_named(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """As IAM calls it."""
    site.aws.settings.denied = ["sagemaker:UpdateEndpoint"]
    with pytest.raises(UsageError, match="AWS denies sagemaker:UpdateEndpoint") as told:
        pair.ensure("v3", 1)

    assert "sagemaker:UpdateEndpoint" in told.value.hint


def test_the_wrong_region(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """An endpoint is not made a second time elsewhere."""
    elsewhere = site.open(2, region="eu-west-1")
    for act in (lambda: elsewhere.ensure("v1", 1), lambda: elsewhere.route(all_to("v1")), elsewhere.observe):
        with pytest.raises(UsageError, match="is in us-east-1, and the calls go to eu-west-1"):
            act()


def test_a_quota_that_is_used_up(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """AWS's own words say which; the endpoint is as before."""
    site.aws.settings.quotas = {TYPE: 2}
    with pytest.raises(ModelNotReady, match=f"quota is used up: .*{TYPE}") as told:
        pair.ensure("v3", 1)

    assert "Service Quotas" in told.value.hint
    assert site.weights == {"v1": 10_000, "v2": 0}


def test_no_region_and_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(UsageError, match="no AWS region"):
        Aws().client("sagemaker")
    with pytest.raises(UsageError, match="profile"):
        Aws(profile="nobody").client("sagemaker")
    with pytest.raises(NoAccess, match="no AWS credentials"):
        Aws(region="us-east-1").call("sagemaker", "list_endpoints")


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch, site: SagemakerSite) -> None:
    """A network that is down is no verdict on anything."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(OutOfReach, match="out of reach"):
        Aws(region="us-east-1", attempts=1).call("sagemaker", "list_endpoints")
