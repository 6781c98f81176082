"""An endpoint that others work with, too."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mlship.drivers.sagemaker import SagemakerDriver
from mlship.errors import LeaseLost, RoutingRefused, UsageError
from mlship.plan.hosted import Hosted
from mlship.plan.routing import Routing, all_to
from tests.emulators.clients import variant
from tests.support.sagemaker_site import ENDPOINT, SagemakerSite

HALF = Routing(segments=(("v2", 5000), ("v1", 5000)), salt="r1")


def theirs(site: SagemakerSite) -> None:
    """An endpoint that somebody else has made, with a model of theirs."""
    site.clients.model("fraud-2025", image=site.models["v1"].hosted.image)
    site.clients.config("fraud-2025", variant("AllTraffic", "fraud-2025", weight=1.0, count=3))
    site.clients.endpoint(ENDPOINT, "fraud-2025")
    site.aws.advance(600)


def test_an_endpoint_that_is_there_is_taken_over_as_it_is(site: SagemakerSite) -> None:
    """The live model is named by its SageMaker Model; nothing is changed for it."""
    theirs(site)
    site.models["v1"] = replace(site.models["v1"], hosted=Hosted(sagemaker_model="fraud-2025"))
    site.aws.calls.clear()
    driver = site.open()
    driver.ensure("v1", 1)
    driver.route(all_to("v1"))
    changes = {call for call in site.aws.calls if "Describe" not in call}
    driver.ensure("v2", 1)
    driver.route(HALF)

    assert changes == set()
    assert site.weights == {"AllTraffic": 5000, "v2": 5000}
    assert site.described["ProductionVariants"][0]["CurrentInstanceCount"] == 3


def test_what_was_there_before_stays_when_mlship_lets_go(site: SagemakerSite) -> None:
    """`down` deletes an endpoint only where mlship has made it."""
    theirs(site)
    site.models["v1"] = replace(site.models["v1"], hosted=Hosted(sagemaker_model="fraud-2025"))
    driver = site.open()
    driver.ensure("v1", 1)
    driver.route(all_to("v1"))
    driver.shutdown()

    assert site.described["EndpointStatus"] == "InService"
    assert driver.observe().routing is None


def test_an_endpoint_with_other_models_is_refused(site: SagemakerSite) -> None:
    """Nothing is touched where the plan's live model is not what serves."""
    theirs(site)
    with pytest.raises(UsageError, match=r"serves fraud-2025 \(variant AllTraffic\), not v1"):
        site.open().ensure("v1", 1)

    assert site.described["EndpointConfigName"] == "fraud-2025"


def test_weights_that_somebody_else_has_set_stop_a_step(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """A step forward stops and says what it found; the way back goes back whatever there is."""
    pair.route(HALF)
    site.clients.weights(ENDPOINT, v1=1, v2=3)
    site.aws.advance(600)
    pair._glance.forget()
    seen = pair.observe().routing
    with pytest.raises(RoutingRefused, match="somebody else has changed endpoint scorer: it has v1=2500, v2=7500"):
        pair.route(all_to("v2"))
    pair.insist(all_to("v1"))

    assert seen is not None
    assert seen.weights == {"v1": 2500, "v2": 7500}
    assert site.weights == {"v1": 10_000, "v2": 0}


def test_a_configuration_that_somebody_else_has_set_stops_a_step(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """Also where the weights are the same."""
    site.clients.model("other", image=site.models["v3"].hosted.image)
    site.clients.config("other", variant("v1", "other", count=1))
    site.clients.update(ENDPOINT, "other")
    site.aws.advance(600)
    with pytest.raises(RoutingRefused):
        pair.ensure("v3", 1)
    with pytest.raises(RoutingRefused):
        pair.route(all_to("v1"))
    pair.expect(all_to("v1"), insist=True)
    pair.ensure("v1", 1)
    pair.insist(all_to("v1"))

    assert pair.observe().routing == all_to("v1")
    assert site.clients.invoke(ENDPOINT)["Body"].read() == b'{"model": "v1"}'


def test_a_change_under_way_is_waited_for_and_read_again(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """Somebody else's update holds the lock: mlship waits, and then sees what it has become."""
    site.clients.weights(ENDPOINT, v1=1, v2=1)
    with pytest.raises(RoutingRefused, match="v1=5000, v2=5000"):
        pair.route(Routing(segments=(("v2", 100), ("v1", 9900))))

    assert site.weights == {"v1": 1, "v2": 1}


def test_an_endpoint_that_is_locked_between_two_calls(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """Somebody was faster after the look: wait for the lock, and look again."""
    from tests.emulators.sagemaker import Fault

    busy = 'Cannot update in-progress endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/scorer".'
    site.aws.fault(Fault(kind="error", on="sagemaker:UpdateEndpointWeightsAndCapacities", times=2, message=busy))
    pair.route(HALF)

    assert site.weights == {"v1": 5000, "v2": 5000}
    assert site.aws.calls["sagemaker:UpdateEndpointWeightsAndCapacities"] == 3


def test_a_run_that_lost_the_service_stops_waiting(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """Another one takes over in the middle of an update: the old one changes nothing more."""
    clock = site.aws.clock
    taken: list[SagemakerDriver] = []

    class TakenOver:
        now = staticmethod(clock.now)

        def sleep(self, seconds: float) -> None:
            if not taken:
                taken.append(site.open(3))
            clock.sleep(seconds)

    older = site.open(2, clock=TakenOver())
    with pytest.raises(LeaseLost):
        older.route(HALF)
    taken[0].insist(all_to("v1"))

    assert site.weights == {"v1": 10_000, "v2": 0}


def test_another_machine_of_the_team_goes_on(pair: SagemakerDriver, site: SagemakerSite) -> None:
    """It has the journal and no files: the endpoint is known for what was asked, and the next step is taken."""
    pair.route(HALF)
    driver = site.elsewhere(asked=HALF)
    seen = driver.observe()
    driver.route(all_to("v2"))

    assert seen.routing == HALF
    assert site.weights == {"v1": 0, "v2": 10_000}
    assert driver.observe().routing == all_to("v2")


def test_another_machine_finds_what_was_cut_short(pair: SagemakerDriver, site: SagemakerSite) -> None:
    """A run elsewhere died after AWS had taken its change: that is nobody's drift."""
    pair.route(HALF)
    driver = site.elsewhere(asked=all_to("v1"), intended=HALF)
    driver.route(HALF)

    assert driver.observe().routing == HALF


def test_another_machine_sees_what_others_have_changed(pair: SagemakerDriver, site: SagemakerSite) -> None:
    """A journal is no reason to overwrite a hand's work; a way back goes through."""
    pair.route(HALF)
    site.clients.weights(ENDPOINT, v1=7, v2=3)
    site.aws.advance(600)
    driver = site.elsewhere(asked=HALF)

    with pytest.raises(RoutingRefused, match="somebody else has changed"):
        driver.route(all_to("v2"))
    driver.insist(all_to("v1"))

    assert site.weights == {"v1": 10_000, "v2": 0}
