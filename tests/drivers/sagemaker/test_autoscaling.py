"""Autoscaling is off only where AWS asks for that, and comes back whatever happens meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from mlship.errors import ModelNotReady, UsageError
from mlship.plan.routing import Routing, all_to
from mlship.plan.shift import Shift, ShiftKind
from tests.emulators.sagemaker import Outcome
from tests.support.sagemaker_site import ENDPOINT, SagemakerSite

SWITCH = Shift(kind=ShiftKind.ALL_AT_ONCE, bake=60.0, limit=3600.0)
DIMENSION = "sagemaker:variant:DesiredInstanceCount"


@pytest.fixture(autouse=True)
def scaled(site: SagemakerSite) -> None:
    """v1 serves, between 2 and 6 instances; v2 runs on instances of another type."""
    site.models = {name: replace(model, replicas=2) for name, model in site.models.items()}
    other = replace(site.models["v2"].hosted, instance_type="ml.c5.large")
    site.models["v2"] = replace(site.models["v2"], hosted=other)
    driver = site.open()
    driver.ensure("v1", 2)
    driver.route(all_to("v1"))
    client, where = site.clients("application-autoscaling"), at("v1")
    client.register_scalable_target(**where, MinCapacity=2, MaxCapacity=6)
    step = {"TargetValue": 70.0, "PredefinedMetricSpecification": {"PredefinedMetricType": USED}}
    client.put_scaling_policy(
        **where, PolicyName="busy", PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration=step
    )
    nightly = {"MinCapacity": 1, "MaxCapacity": 2}
    client.put_scheduled_action(
        **where, ScheduledActionName="night", Schedule="cron(0 22 * * ? *)", ScalableTargetAction=nightly
    )


USED = "SageMakerVariantInvocationsPerInstance"


def at(variant: str) -> dict[str, str]:
    resource = f"endpoint/{ENDPOINT}/variant/{variant}"
    return {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": DIMENSION}


def how_scaled(site: SagemakerSite) -> list[Any]:
    """Everything of it that somebody has said."""
    client = site.clients("application-autoscaling")
    found = (
        client.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"],
        client.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"],
        client.describe_scheduled_actions(ServiceNamespace="sagemaker")["ScheduledActions"],
    )
    made = ("CreationTime", "PolicyARN", "ScheduledActionARN", "ScalableTargetARN", "Alarms")
    return [{key: value for key, value in told.items() if key not in made} for kind in found for told in kind]


def test_it_comes_back_with_its_policies_and_its_schedule(site: SagemakerSite) -> None:
    """A fleet on other instances needs it off; afterwards it is as it was."""
    before = how_scaled(site)

    site.open().route(replace(all_to("v2"), shift=SWITCH))

    assert len(before) == 3
    assert how_scaled(site) == before
    assert site.aws.calls["application-autoscaling:DeregisterScalableTarget"] == 1


def test_it_stays_on_where_only_the_model_changes(site: SagemakerSite) -> None:
    """AWS allows that, and nobody asks autoscaling for anything."""
    before = site.aws.calls["application-autoscaling:DeregisterScalableTarget"]

    site.open().route(replace(all_to("v3"), shift=SWITCH))

    assert site.aws.calls["application-autoscaling:DeregisterScalableTarget"] == before


def test_it_comes_back_after_an_update_that_was_rolled_back(site: SagemakerSite) -> None:
    """The old instances are scaled as before."""
    before = how_scaled(site)
    site.outcome(kind="rolled-back", on="update")

    with pytest.raises(ModelNotReady):
        site.open().route(replace(all_to("v2"), shift=SWITCH))

    assert how_scaled(site) == before


@pytest.mark.parametrize("refused", ["sagemaker:UpdateEndpoint", "application-autoscaling:DeregisterScalableTarget"])
def test_it_comes_back_at_once_when_aws_refuses(site: SagemakerSite, refused: str) -> None:
    """The change, or that autoscaling is switched off for it: nothing is under way, and nobody need come again."""
    before = how_scaled(site)
    site.aws.settings.denied = [refused]
    driver = site.open()

    with pytest.raises(UsageError, match=refused):
        driver.route(replace(all_to("v2"), shift=SWITCH))

    assert how_scaled(site) == before
    assert site.weights == {"v1": site.weights["v1"]}
    site.aws.settings.denied = []
    driver.route(replace(all_to("v2"), shift=SWITCH))
    assert how_scaled(site) == before


class Killed(BaseException):
    """Ends a wait as `kill -9` does."""


def test_it_comes_back_by_whoever_works_on_the_service_next(site: SagemakerSite) -> None:
    """Nothing remembers it but the ledger, which was written before it was switched off."""
    before = how_scaled(site)
    site.aws.outcome(Outcome(kind="rolled-back", on="update"))
    driver = site.open()

    def dies(_: str) -> None:
        raise Killed

    driver.tell(dies)
    with pytest.raises(Killed):
        driver.route(replace(all_to("v2"), shift=SWITCH))
    site.aws.advance(3600.0)
    off = how_scaled(site)

    site.open(fence=2).expect(all_to("v1"), insist=True)

    assert off == []
    assert how_scaled(site) == before


def test_it_comes_back_with_its_variant(site: SagemakerSite) -> None:
    """A variant that goes takes it along, and has it again when the rollout goes back."""
    before = how_scaled(site)
    driver = site.open()
    driver.ensure("v3", 2)
    driver.route(all_to("v3"))
    driver.retire("v1")
    gone = how_scaled(site)

    driver.ensure("v1", 2)

    assert gone == []
    assert how_scaled(site) == before


def test_what_cannot_be_switched_on_is_told_and_tried_again(site: SagemakerSite) -> None:
    """The traffic does not wait for it."""
    before, told = how_scaled(site), list[str]()
    site.aws.settings.denied = ["application-autoscaling:RegisterScalableTarget"]
    driver = site.open()
    driver.tell(told.append)

    driver.route(replace(all_to("v2"), shift=SWITCH))
    site.aws.settings.denied = []
    driver.route(Routing(segments=(("v2", 10_000),)))

    assert any("autoscaling of variant v1 is still off: AWS denies" in words for words in told)
    assert how_scaled(site) == before
