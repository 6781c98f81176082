"""What is made, kept and taken away again, and by how many calls."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mlship.drivers.sagemaker import SagemakerDriver
from mlship.drivers.sagemaker.messages import Meaning, internal, meaning
from mlship.drivers.sagemaker.names import MOST, named, slot
from mlship.errors import RoutingRefused, UsageError
from mlship.plan.hosted import Hosted, Serverless
from mlship.plan.routing import Routing, all_to
from mlship.plan.rule import header_is
from tests.emulators.clients import variant
from tests.support.sagemaker_site import ENDPOINT, SagemakerSite

HALF = Routing(segments=(("v2", 5000), ("v1", 5000)), salt="r1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Cannot update in-progress endpoint "arn:aws:sagemaker:x:1:endpoint/could not find"', Meaning.BUSY),
        ('Could not find endpoint "arn:aws:sagemaker:x:1:endpoint/in-progress endpoint".', Meaning.ABSENT),
        ('Could not find endpoint configuration "arn".', Meaning.ABSENT),
        ('Cannot create already existing model "arn".', Meaning.EXISTING),
        ("1 validation error detected", Meaning.OTHER),
    ],
)
def test_one_code_four_meanings(text: str, expected: Meaning) -> None:
    """A ValidationException is told by how it begins."""
    assert meaning(text) is expected


def test_reasons() -> None:
    """Only AWS's own errors are worth another try."""
    assert internal("Request to service failed. If failure persists after retry, contact customer support.")
    assert not internal("")
    assert not internal("The primary container for production variant v2 did not pass the ping health check.")


def test_names_fit() -> None:
    """Whatever the service is called, a name is one of AWS's, and another content has another name."""
    long = named("a" * 80, "v_2.1", content={"b": 1, "a": 2})

    assert len(long) == MOST
    assert long == named("a" * 80, "v_2.1", content={"a": 2, "b": 1}) != named("a" * 80, "v_2.1", content={"a": 3})
    assert named("fraud", "v_2.1--x", content={}).startswith("fraud-v-2-1-x-")
    assert (slot("v2", []), slot("v2", ["v2"]), slot("v_2", ["v-2"])) == ("v2", "v2-2", "v-2-2")


def test_a_model_that_is_there_is_used_again(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """Retired and ensured again it is the same SageMaker Model; one of the same name with other contents is refused."""
    pair.retire("v2")
    pair.ensure("v2", 1)
    assert len(site.clients.sagemaker.list_models()["Models"]) == 2

    name = pair._models.name_of(site.models["v3"])
    site.clients.model(name, image="another")
    with pytest.raises(UsageError, match=f"{name} is there with other contents"):
        pair.ensure("v3", 1)


def test_another_definition_under_the_same_name(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """It takes the variant's place, with its weight."""
    pair.route(HALF)
    site.models["v2"] = replace(site.models["v2"], hosted=Hosted(image=site.models["v3"].hosted.image))
    driver = site.open(2)
    driver.ensure("v2", 1)
    answers = {site.clients.invoke(ENDPOINT, TargetVariant="v2")["Body"].read() for _ in range(5)}

    assert site.weights == {"v1": 5000, "v2": 5000}
    assert answers == {b'{"model": "v3"}'}
    assert driver.observe().routing == HALF


def test_the_caller_picks(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """A feature flag: the variant has no share, and who names it reaches it."""
    rule = header_is("x-amzn-sagemaker-target-variant", "v2", "v2")
    routing = replace(all_to("v1"), rules=(rule,))
    pair.route(routing)

    assert (set(site.ask(20)), set(site.ask(5, TargetVariant="v2"))) == ({"v1"}, {"v2"})
    assert pair.observe().routing == routing


def test_rules_that_an_endpoint_cannot_follow(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """A header that it does not see is refused."""
    with pytest.raises(RoutingRefused, match="sees no headers"):
        pair.route(replace(all_to("v1"), rules=(header_is("x-beta", "yes", "v2"),)))


def test_serverless(site: SagemakerSite) -> None:
    """A variant without instances is there or not."""
    site.settings.pop("instance-type")
    for name in ("v1", "v2"):
        hosted = Hosted(image=site.models[name].hosted.image, serverless=Serverless(memory=2048, concurrency=5))
        site.models[name] = replace(site.models[name], hosted=hosted)
    driver = site.open()
    for name in ("v1", "v2"):
        driver.ensure(name, 1)
    driver.route(HALF)

    assert {name: there.ready for name, there in driver.observe().models.items()} == {"v1": 1, "v2": 1}
    assert driver.observe().routing == HALF


def test_what_nobody_needs_is_deleted(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """Configurations but the last two, and those that another endpoint has; models stay while a plan knows them."""
    first = site.described["EndpointConfigName"]
    site.clients.endpoint("other", first)
    for _ in range(3):
        pair.ensure("v3", 1)
        pair.retire("v3")
    configs = {told["EndpointConfigName"] for told in site.clients.sagemaker.list_endpoint_configs()["EndpointConfigs"]}
    site.clients.config(
        "scorer-0123456789", variant("a", site.clients.sagemaker.list_models()["Models"][0]["ModelName"])
    )

    assert first in configs
    assert len(configs) <= 3
    assert len(site.clients.sagemaker.list_models()["Models"]) == 3
    pair.shutdown()
    left = {told["EndpointConfigName"] for told in site.clients.sagemaker.list_endpoint_configs()["EndpointConfigs"]}
    assert left == {first, "scorer-0123456789"}


def test_a_deleted_configuration_is_made_again(site: SagemakerSite, pair: SagemakerDriver) -> None:
    """Somebody has deleted the one in use, and AWS would refuse every update: mlship knows what it said."""
    site.clients.sagemaker.delete_endpoint_config(EndpointConfigName=site.described["EndpointConfigName"])
    driver = site.open(2)
    driver.ensure("v3", 1)
    driver.route(HALF)

    assert site.weights == {"v1": 5000, "v2": 5000, "v3": 0}
