"""Copies of requests: one production variant, one shadow, and as few updates as can be."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mlship.drivers.sagemaker import SagemakerDriver
from mlship.errors import UsageError
from mlship.plan.routing import Capture, Mirror, Routing, all_to
from tests.support.sagemaker_site import ENDPOINT, SagemakerSite

CAPTURES = "s3://captures/endpoint"
COPIES = replace(all_to("v1"), mirrors=(Mirror(model="v2", share=10_000),), capture=Capture(sample=5000))


@pytest.fixture
def alone(site: SagemakerSite) -> SagemakerDriver:
    """An endpoint with v1 alone."""
    driver = site.open(capture=CAPTURES + "/")
    driver.ensure("v1", 1)
    driver.route(all_to("v1"))
    site.aws.calls.clear()
    return driver


def mirrored(driver: SagemakerDriver, routing: Routing = COPIES) -> None:
    """As the engine does it."""
    driver.expect(routing, insist=False)
    driver.ensure("v2", 1)
    driver.route(routing)


def test_a_shadow_is_one_update_or_two(site: SagemakerSite, alone: SagemakerDriver) -> None:
    """Users get v1's answers alone, v2 gets each request, too; the routing is read back."""
    mirrored(alone)
    answered = set(site.ask(20))
    site.aws.drain()

    assert answered == {"v1"}
    assert alone.observe().routing == COPIES
    assert [told["VariantName"] for told in site.described["ShadowProductionVariants"]] == ["v2"]
    assert site.aws.calls["sagemaker:UpdateEndpoint"] == 1


def test_answers_are_kept_while_they_are_compared(site: SagemakerSite, alone: SagemakerDriver) -> None:
    """Under the driver's address without a slash at its end, with its own words for what is kept, and no longer."""
    mirrored(alone)
    config = site.clients.sagemaker.describe_endpoint_config(EndpointConfigName=site.described["EndpointConfigName"])
    kept = config["DataCaptureConfig"]
    alone.expect(all_to("v1"), insist=False)
    alone.route(all_to("v1"))

    assert (kept["DestinationS3Uri"], kept["InitialSamplingPercentage"]) == (CAPTURES, 50)
    assert kept["CaptureOptions"] == [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
    assert "DataCaptureConfig" not in site.described


def test_the_challenger_goes_on_as_a_variant_without_users(site: SagemakerSite, alone: SagemakerDriver) -> None:
    """One update ends the copies; then it can get a share."""
    mirrored(alone)
    site.aws.calls.clear()
    alone.route(all_to("v1"))
    assert site.aws.calls["sagemaker:UpdateEndpoint"] == 1
    assert site.weights == {"v1": 10_000, "v2": 0}

    alone.route(Routing(segments=(("v2", 1000), ("v1", 9000))))
    assert site.weights == {"v1": 9000, "v2": 1000}


def test_the_way_back_drops_the_shadow(site: SagemakerSite, alone: SagemakerDriver) -> None:
    """In one update, and nothing of it is left."""
    mirrored(alone)
    site.aws.calls.clear()
    alone.expect(all_to("v1"), insist=True)
    alone.insist(all_to("v1"))
    alone.retire("v2")

    assert site.aws.calls["sagemaker:UpdateEndpoint"] == 1
    assert set(alone.observe().models) == {"v1"}
    assert "ShadowProductionVariants" not in site.described


def test_one_and_one(site: SagemakerSite, alone: SagemakerDriver) -> None:
    """Copies beside a second variant are refused before anything is touched."""
    alone.ensure("v3", 1)
    alone.route(all_to("v1"))
    config = site.described["EndpointConfigName"]
    with pytest.raises(UsageError, match="v2 cannot get copies: endpoint scorer has v1, v3"):
        mirrored(alone)

    assert site.described["EndpointConfigName"] == config


def test_a_part_of_the_requests(site: SagemakerSite, alone: SagemakerDriver) -> None:
    """The shadow's weight beside production's is its part."""
    mirrored(alone, replace(COPIES, mirrors=(Mirror(model="v2", share=2500),)))
    shadow = site.clients.describe(ENDPOINT)["ShadowProductionVariants"][0]
    production = site.clients.describe(ENDPOINT)["ProductionVariants"][0]

    assert shadow["CurrentWeight"] / production["CurrentWeight"] == 0.25
