"""What an endpoint's states really mean: success is what was asked for, and nothing else."""

from __future__ import annotations

import pytest

from mlship.drivers.sagemaker import SagemakerDriver
from mlship.drivers.sagemaker.endpoint import Broken
from mlship.errors import ModelNotReady, OutOfReach, RoutingRefused
from mlship.plan.routing import Routing, all_to
from tests.drivers.sagemaker.rehearsal import Time
from tests.emulators.sagemaker import INTERNAL
from tests.scenarios.rehearsal import Killed
from tests.support.sagemaker_site import ENDPOINT, SagemakerSite

HALF = Routing(segments=(("v2", 5000), ("v1", 5000)), salt="r1")


@pytest.mark.parametrize("reason", ["the image has no /ping", None], ids=["told", "untold"])
def test_an_update_that_was_rolled_back_is_no_success(site: SagemakerSite, reason: str | None) -> None:
    """Back in service with the old configuration is a failure, also where AWS gives no reason."""
    driver = site.open()
    driver.ensure("v1", 1)
    driver.route(all_to("v1"))
    site.outcome(kind="rolled-back", reason=reason)
    with pytest.raises(ModelNotReady, match=f"v2 did not start.*{reason or 'AWS gives no reason'}"):
        driver.ensure("v2", 1)

    assert site.weights == {"v1": 10_000}
    assert set(driver.observe().models) == {"v1"}


def test_weights_that_were_rolled_back_are_no_success(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """The routing before is live, and the error says so."""
    site.outcome(kind="rolled-back", on="weights")
    with pytest.raises(RoutingRefused, match="rolled back to what it had before: AWS gives no reason"):
        pair.route(HALF)

    assert site.weights == {"v1": 10_000, "v2": 0}
    assert pair.observe().routing == all_to("v1")


def test_a_failed_update_is_not_tried_again(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """The same update would fail the same way."""
    site.outcome(kind="rolled-back", reason="no space left on the instance")
    with pytest.raises(ModelNotReady):
        pair.ensure("v3", 1)

    assert site.aws.calls["sagemaker:UpdateEndpoint"] == 1


def test_what_aws_calls_its_own_error_is_tried_again(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """Once."""
    site.outcome(kind="rolled-back", reason=INTERNAL)
    pair.ensure("v3", 1)

    assert site.aws.calls["sagemaker:UpdateEndpoint"] == 2
    assert pair.observe().models["v3"].ready == 1


def test_reads_that_are_late_are_not_taken_for_a_failure(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """Right after an update AWS may still tell the state before it, and not know what was just made."""
    site.aws.settings.stale_describes = 2
    site.aws.settings.unseen_reads = 2
    pair.ensure("v3", 1)
    site.aws.settings.stale_describes = 2
    pair.route(HALF)

    assert site.weights == {"v1": 5000, "v2": 5000, "v3": 0}


def test_an_update_that_never_starts_is_told(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """It is waited for with a bound, and not asked for again."""
    site.aws.settings.stale_describes = 1000
    with pytest.raises(OutOfReach, match="was not seen to change"):
        pair.route(HALF)

    assert site.aws.calls["sagemaker:UpdateEndpointWeightsAndCapacities"] == 1


def test_maintenance_is_waited_for(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """While AWS updates the system no change is taken."""
    site.aws.system_update(ENDPOINT, 300.0)
    pair.route(HALF)

    assert site.weights == {"v1": 5000, "v2": 5000}


def test_a_stuck_update_goes_on_without_us(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """The wait has an end, whoever comes next waits on, and the update is not asked for twice."""
    site.outcome(kind="stuck")
    with pytest.raises(OutOfReach, match="waiting for the change for 3600 s"):
        pair.ensure("v3", 1)
    site.aws.release(ENDPOINT)
    site.open(2).ensure("v3", 1)

    assert site.aws.calls["sagemaker:UpdateEndpoint"] == 1
    assert site.open(None).observe().models["v3"].ready == 1


def test_an_update_that_failed_while_nobody_looked_is_found(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """The run that has begun it was killed: the next one is told why it failed, and does not begin it anew."""
    time = Time(site)
    time.dies_in = 1
    site.outcome(kind="rolled-back", reason="out of memory")
    with pytest.raises(Killed):
        site.open(2, clock=time).ensure("v3", 1)
    site.aws.advance(600)
    with pytest.raises(ModelNotReady, match=r"v3 did not start.*out of memory"):
        site.open(3).ensure("v3", 1)

    assert site.aws.calls["sagemaker:UpdateEndpoint"] == 1


def test_an_endpoint_that_does_not_start_leaves_nothing(site: SagemakerSite) -> None:
    """It would stay Failed for ever, and cost nothing but its name."""
    driver = site.open()
    site.outcome(kind="failed", reason="CannotStartContainerError", on="create")
    with pytest.raises(ModelNotReady, match=r"v1 did not start.*CannotStartContainerError"):
        driver.ensure("v1", 1)
    assert site.clients.sagemaker.list_endpoints()["Endpoints"] == []

    driver.ensure("v1", 1)
    assert driver.observe().models["v1"].ready == 1


@pytest.mark.parametrize(
    ("kind", "way"),
    [("failed", "aws sagemaker delete-endpoint"), ("rollback-failed", "aws sagemaker update-endpoint")],
)
def test_a_broken_endpoint_has_a_way_out(site: SagemakerSite, pair: SagemakerDriver, kind: str, way: str) -> None:
    """From these states it does not come back by itself: the error says what a person can do."""
    site.outcome(kind=kind, reason="twice")
    with pytest.raises(Broken, match="twice"):
        pair.ensure("v3", 1)
    with pytest.raises(Broken) as told:
        pair.insist(all_to("v1"))

    assert way in told.value.hint


def test_zero_is_a_weight(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """A variant at 0 gets no request and stays."""
    assert set(site.ask(30)) == {"v1"}
    pair.route(all_to("v2"))

    assert (site.weights, set(site.ask(30))) == ({"v1": 0, "v2": 10_000}, {"v2"})


def test_an_update_keeps_what_was_set_since(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """Weights and instances are those that the endpoint really has, not those of its configuration."""
    pair.route(HALF)
    site.clients.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=ENDPOINT, DesiredWeightsAndCapacities=[{"VariantName": "v1", "DesiredInstanceCount": 4}]
    )
    site.aws.advance(600)
    pair.ensure("v3", 1)

    counts = {told["VariantName"]: told["CurrentInstanceCount"] for told in site.described["ProductionVariants"]}
    assert site.weights == {"v1": 5000, "v2": 5000, "v3": 0}
    assert counts == {"v1": 4, "v2": 1, "v3": 1}


def test_instances_that_autoscaling_added_are_not_taken(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """The plan's number is the least that a model has, unless a rolling stage takes some away."""
    site.clients.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=ENDPOINT, DesiredWeightsAndCapacities=[{"VariantName": "v1", "DesiredInstanceCount": 4}]
    )
    site.aws.advance(600)
    pair.ensure("v1", 1)

    assert pair.observe().models["v1"].running == 4
