"""What `mlship doctor` finds about an account and an endpoint, and what `mlship plan` finds about its quotas."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from mlship.drivers.sagemaker.permissions import ALWAYS, SOMETIMES, principal
from mlship.drivers.sagemaker.quotas import asked
from mlship.drivers.trouble import Trouble
from mlship.plan.hosted import Hosted
from mlship.plan.model import AnyStage, Model
from mlship.plan.routing import all_to
from mlship.plan.shift import Managed
from mlship.strategies import compile_plan
from tests.emulators.clients import TYPE
from tests.strategies.plans import blue_green, canary, plan, rolling
from tests.support.sagemaker_site import ENDPOINT, SagemakerSite


@pytest.fixture
def serving(site: SagemakerSite) -> SagemakerSite:
    """v1 serves."""
    driver = site.open()
    driver.ensure("v1", 1)
    driver.route(all_to("v1"))
    return site


def found(site: SagemakerSite, **settings: Any) -> list[Trouble]:
    return list(site.open(fence=None, **settings).troubles(fence=1, held=False))


def said(site: SagemakerSite, **settings: Any) -> list[tuple[str, str]]:
    return [(trouble.mark, trouble.message) for trouble in found(site, **settings)]


def test_an_account_that_is_fit_has_no_troubles(serving: SagemakerSite) -> None:
    """Nothing is told that nobody has to do anything about."""
    assert found(serving) == []


def test_each_permission_that_is_missing_is_named(serving: SagemakerSite) -> None:
    """IAM is asked; what only some plans need can wait."""
    serving.aws.settings.denied = ["sagemaker:UpdateEndpoint", "iam:PassRole", "cloudwatch:DescribeAlarms"]

    assert said(serving) == [
        ("FAIL", "the caller may not sagemaker:UpdateEndpoint, iam:PassRole"),
        ("warn", "the caller may not cloudwatch:DescribeAlarms: needed for the alarms of managed stages"),
    ]


def test_where_iam_does_not_tell_reading_does(serving: SagemakerSite) -> None:
    """What can be read without changing anything is tried, and what cannot be known is told."""
    serving.aws.settings.denied = ["iam:SimulatePrincipalPolicy", "sagemaker:ListModels"]

    (denied, unknown) = found(serving)

    assert "AWS denies sagemaker:ListModels" in denied.message
    assert (unknown.mark, "iam:SimulatePrincipalPolicy" in unknown.hint) == ("warn", True)


def test_credentials_that_have_expired_are_the_only_thing_told(serving: SagemakerSite) -> None:
    """Everything else would only repeat it."""
    serving.aws.settings.expired = True

    (trouble,) = found(serving)

    assert (trouble.mark, trouble.message) == ("FAIL", "the AWS credentials have expired")


@pytest.mark.parametrize(
    ("caller", "whose"),
    [
        ("arn:aws:iam::1:user/ada", "arn:aws:iam::1:user/ada"),
        ("arn:aws:sts::1:assumed-role/deploy/ci-7", "arn:aws:iam::1:role/deploy"),
        ("arn:aws-cn:sts::1:assumed-role/deploy/ci", "arn:aws-cn:iam::1:role/deploy"),
    ],
)
def test_a_session_has_the_policies_of_its_role(caller: str, whose: str) -> None:
    """IAM simulates users and roles, not sessions."""
    assert principal(caller) == whose


def test_alarms_are_looked_at_before_they_are_needed(serving: SagemakerSite) -> None:
    """One that is not there protects nobody; one in ALARM undoes every update at once."""
    cloudwatch = serving.clients("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="loud",
        Namespace="Own",
        MetricName="errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    cloudwatch.set_alarm_state(AlarmName="loud", StateValue="ALARM", StateReason="said so")

    assert said(serving, alarms=["loud", "absent"]) == [
        ("FAIL", "alarm loud is in ALARM"),
        ("FAIL", "there is no CloudWatch alarm absent in us-east-1"),
    ]


def test_an_endpoint_that_is_being_changed_or_is_broken_is_told(serving: SagemakerSite) -> None:
    """With the way out of it."""
    serving.aws.system_update(ENDPOINT, 600.0)
    busy = said(serving)
    serving.aws.advance(600.0)
    serving.outcome(kind="failed", reason="no capacity", on="weights")
    serving.clients.weights(ENDPOINT, v1=2.0)
    serving.aws.advance(600.0)

    assert busy == [("warn", "endpoint scorer is SystemUpdating.")]
    assert said(serving) == [("FAIL", "endpoint scorer is Failed: no capacity")]


def test_captures_that_cannot_be_read_are_told(serving: SagemakerSite) -> None:
    """Answers would be kept, and nobody could compare them."""
    ((mark, message),) = said(serving, capture="s3://nowhere/captures")

    assert mark == "warn"
    assert message.startswith("captures in s3://nowhere/captures cannot be read")


def models(kind: str = "") -> dict[str, Model]:
    return {name: Model(name=name, replicas=4, hosted=Hosted(instance_type=kind)) for name in ("v1", "v2")}


@pytest.mark.parametrize(
    ("stage", "most"),
    [
        (blue_green(managed=Managed()), (8, 2)),
        (canary(1000, managed=Managed()), (8, 2)),
        (rolling(batch=1, managed=Managed()), (5, 2)),
        (canary(1000), (8, 2)),
    ],
    ids=["blue-green", "canary", "rolling", "weights"],
)
def test_old_and_new_instances_count_while_they_stand_side_by_side(stage: AnyStage, most: tuple[int, int]) -> None:
    """A second fleet, or a batch of it."""
    steps = compile_plan(plan(stage, models=models()), live="v1").steps

    assert asked(steps, models(), instance_type=TYPE) == {TYPE: most}


def test_a_quota_that_is_too_small_is_told_before_anything_is_touched(serving: SagemakerSite) -> None:
    """In numbers, and only where AWS tells them."""
    serving.aws.settings.quotas = {"ml.other": 1, TYPE: 3}
    serving.models = {name: replace(model, replicas=2) for name, model in serving.models.items()}
    steps = compile_plan(plan(blue_green(managed=Managed()), models=dict(serving.models)), live="v1").steps
    (lack,) = serving.open(fence=None).shortages(steps)
    serving.aws.settings.quotas = {TYPE: 4}

    assert lack.startswith(f"4 instances of {TYPE} in step 2, and the account may have 3 for endpoints")
    assert list(serving.open(fence=None).shortages(steps)) == []


def test_no_permission_is_asked_for_twice() -> None:
    """Each action has one reason."""
    everything = [*ALWAYS, *(action for group in SOMETIMES.values() for action in group)]

    assert len(everything) == len(set(everything))
