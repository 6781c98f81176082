"""Traffic that SageMaker moves by itself: asked for once, followed, believed only when it is there."""

from __future__ import annotations

import pytest

from mlship.drivers.sagemaker.shift import deployment
from mlship.errors import ModelNotReady, RoutingRefused
from mlship.plan.routing import Routing, all_to
from mlship.plan.shift import Shift
from tests.drivers.sagemaker.shifting import CANARY, LINEAR, ROLLING, SWITCH, alarm, seen, serving, to_v2, updates
from tests.emulators.sagemaker import INTERNAL
from tests.support.sagemaker_site import ENDPOINT, SagemakerSite


@pytest.fixture(autouse=True)
def served(site: SagemakerSite) -> None:
    """v1 serves on two instances."""
    serving(site)


@pytest.mark.parametrize("shift", [CANARY, LINEAR, SWITCH, ROLLING], ids=lambda shift: str(shift.kind))
def test_a_shift_is_one_update_after_which_the_new_model_serves_alone(site: SagemakerSite, shift: Shift) -> None:
    """The variant keeps its name and its instances, and what is told of it is what is there."""
    before = updates(site)

    site.open().route(to_v2(shift))

    assert updates(site) - before == 1
    assert set(site.ask(10)) == {"v1"}
    assert site.described["LastDeploymentConfig"] == deployment(shift)
    assert seen(site).routing == all_to("v2")
    assert {name: there.ready for name, there in seen(site).models.items()} == {"v2": 2}


def test_a_shift_that_is_done_is_not_done_again(site: SagemakerSite) -> None:
    """The verb is idempotent, and so are those that follow it."""
    driver = site.open()
    driver.route(to_v2(SWITCH))
    before = updates(site)

    driver.route(to_v2(SWITCH))
    driver.route(all_to("v2"))
    driver.ensure("v2", 2)
    driver.retire("v1")

    assert updates(site) == before


def test_a_shift_is_told_stretch_by_stretch(site: SagemakerSite) -> None:
    """Each of them once, in the order in which they come."""
    told: list[str] = []
    driver = site.open(poll="5s")
    driver.tell(told.append)

    driver.route(to_v2(CANARY))

    assert told == [
        "SageMaker: new instances start",
        "SageMaker: the traffic moves to the new instances",
        "SageMaker: the new instances are watched",
        "SageMaker: the traffic moves to the new instances",
        "SageMaker: the new instances are watched",
        "SageMaker: the old instances stop",
    ]


def test_an_alarm_brings_the_traffic_back_and_is_named(site: SagemakerSite) -> None:
    """One that goes off during the update: the old model serves, and the shift counts as failed."""
    alarm(site, "fraud-slow")
    alarm(site, "fraud-5xx")
    driver, told = site.open(poll="5s"), list[str]()

    def goes_off(words: str) -> None:
        told.append(words)
        if words == "SageMaker: the new instances are watched":
            alarm(site, "fraud-5xx", "ALARM")

    driver.tell(goes_off)

    with pytest.raises(ModelNotReady, match=r"brought the traffic back on scorer \(in ALARM: fraud-5xx\)"):
        driver.route(to_v2(CANARY, alarms=("fraud-slow", "fraud-5xx")))

    assert told[-1] == "SageMaker brings the traffic back to the old instances"
    assert seen(site).routing == all_to("v1")


@pytest.mark.parametrize(("state", "said"), [("ALARM", "is in ALARM already"), (None, "there is no CloudWatch alarm")])
def test_an_alarm_that_would_undo_the_shift_at_once_stops_it_before(
    site: SagemakerSite, state: str | None, said: str
) -> None:
    """SageMaker does not tell old trouble from new; nothing is touched."""
    if state:
        alarm(site, "fraud-5xx", state)
    before = updates(site)

    with pytest.raises(RoutingRefused, match=said):
        site.open().route(to_v2(CANARY, alarms=("fraud-5xx",)))

    assert updates(site) == before


def test_who_may_not_ask_for_alarms_leaves_them_to_sagemaker(site: SagemakerSite) -> None:
    """It is the execution role that SageMaker asks with."""
    alarm(site, "fraud-5xx")
    site.aws.settings.denied = ["cloudwatch:DescribeAlarms"]

    site.open().route(to_v2(SWITCH, alarms=("fraud-5xx",)))

    assert seen(site).routing == all_to("v2")


@pytest.mark.parametrize(("reason", "said"), [(None, "AWS gives no reason"), ("it did not ping", "it did not ping")])
def test_a_rolled_back_update_is_not_believed(site: SagemakerSite, reason: str | None, said: str) -> None:
    """The endpoint is InService again, with or without a reason: what it is in service with counts."""
    site.outcome(kind="rolled-back", reason=reason, on="update")
    before = updates(site)

    with pytest.raises(ModelNotReady, match=said):
        site.open().route(to_v2(CANARY))

    assert site.described["EndpointStatus"] == "InService"
    assert seen(site).routing == all_to("v1")
    assert updates(site) - before == 1


def test_only_what_aws_calls_its_own_error_is_tried_again(site: SagemakerSite) -> None:
    """The same update once more; it comes out then."""
    site.outcome(kind="rolled-back", reason=INTERNAL, on="update")
    before = updates(site)

    site.open().route(to_v2(SWITCH))

    assert updates(site) - before == 2
    assert seen(site).routing == all_to("v2")


def test_a_variant_without_users_goes_before_the_shift(site: SagemakerSite) -> None:
    """Guardrails replace the fleet of one variant that stays alone."""
    driver = site.open()
    driver.ensure("v2", 2)

    driver.route(to_v2(CANARY))

    assert seen(site).routing == all_to("v2")
    assert [slot["VariantName"] for slot in site.described["ProductionVariants"]] == ["v1"]


def test_divided_traffic_cannot_be_shifted(site: SagemakerSite) -> None:
    """Nothing is touched."""
    driver = site.open()
    driver.ensure("v3", 2)
    driver.route(Routing(segments=(("v3", 5000), ("v1", 5000))))
    before = updates(site)

    with pytest.raises(RoutingRefused, match="moves the traffic of one variant"):
        driver.route(to_v2(CANARY))

    assert updates(site) == before


def test_instances_that_were_added_stay(site: SagemakerSite) -> None:
    """A fleet that was scaled out is replaced by one of its size."""
    site.clients.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=ENDPOINT, DesiredWeightsAndCapacities=[{"VariantName": "v1", "DesiredInstanceCount": 4}]
    )
    site.aws.advance(600.0)

    site.open().route(to_v2(CANARY))

    assert site.described["ProductionVariants"][0]["CurrentInstanceCount"] == 4


def test_an_endpoint_that_breaks_on_the_way_tells_the_way_out(site: SagemakerSite) -> None:
    """The rollback of AWS that fails itself is not one."""
    site.outcome(kind="rollback-failed", reason="no capacity", on="update")

    with pytest.raises(ModelNotReady, match="UpdateRollbackFailed: no capacity") as caught:
        site.open().route(to_v2(CANARY))

    assert "update-endpoint --endpoint-name scorer" in caught.value.hint
