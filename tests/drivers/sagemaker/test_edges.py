"""What is refused, and what is left of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from mlship.drivers.sagemaker import SagemakerDriver
from mlship.errors import OutOfReach, RoutingRefused, UsageError
from mlship.plan.hosted import Hosted
from mlship.plan.routing import Routing, all_to
from tests.emulators.clients import variant
from tests.emulators.sagemaker import Fault
from tests.support.sagemaker_site import ENDPOINT, SagemakerSite

HALF = Routing(segments=(("v2", 5000), ("v1", 5000)), salt="r1")


def test_what_has_users_is_not_taken_away(pair: SagemakerDriver, site: SagemakerSite) -> None:
    """Route them away first."""
    with pytest.raises(UsageError, match="v1 still gets traffic"):
        pair.retire("v1")

    assert site.weights == {"v1": 10_000, "v2": 0}


def test_a_model_that_nobody_knows(pair: SagemakerDriver) -> None:
    """It is named, with those that are known; a routing to one without a variant is refused."""
    with pytest.raises(UsageError, match="no model named 'v9'"):
        pair.ensure("v9", 1)
    with pytest.raises(RoutingRefused, match="has no variant of v3"):
        pair.route(all_to("v3"))


def test_an_endpoint_that_somebody_has_deleted(pair: SagemakerDriver, site: SagemakerSite) -> None:
    """Nothing serves; the next step makes it anew, with what it had."""
    site.clients.sagemaker.delete_endpoint(EndpointName=ENDPOINT)
    site.aws.advance(600)
    driver = site.open(2)
    seen = driver.observe()
    driver.retire("v2")
    driver.ensure("v1", 1)
    driver.route(all_to("v1"))

    assert (seen.router, seen.routing) == (False, all_to("v1"))
    assert site.weights == {"v1": 10_000}


def test_the_first_routing_moves_nobody(site: SagemakerSite) -> None:
    """An endpoint that is there must already do what the plan calls live."""
    for name in ("v1", "v2"):
        site.clients.model(f"their-{name}", image=site.models[name].hosted.image)
        site.models[name] = replace(site.models[name], hosted=Hosted(sagemaker_model=f"their-{name}"))
    site.clients.config("theirs", variant("a", "their-v1"), variant("b", "their-v2"))
    site.clients.endpoint(ENDPOINT, "theirs")
    site.aws.advance(600)
    driver = site.open()
    driver.ensure("v1", 1)
    with pytest.raises(RoutingRefused, match="first routing would be a=10000"):
        driver.route(all_to("v1"))

    assert site.weights == {"a": 1, "b": 1}


def test_a_model_in_the_registry_and_files_under_a_prefix(site: SagemakerSite) -> None:
    """What a SageMaker Model is made of goes into it as it is written; the environment is read when it is made."""
    package = "arn:aws:sagemaker:us-east-1:123456789012:model-package/fraud/2"
    image = site.models["v1"].hosted.image
    site.models["v1"] = replace(
        site.models["v1"], hosted=Hosted(image=image, model_data="s3://models/2/"), env={"HOME_IS": "${env:HOME}"}
    )
    site.models["v2"] = replace(site.models["v2"], hosted=Hosted(image=image, model_data="s3://models/2.tar.gz"))
    site.models["v3"] = replace(site.models["v3"], hosted=Hosted(model_package=package))
    models = site.open()._models
    made = [models.provide(site.models[name]) for name in ("v1", "v2", "v3")]
    told = [site.clients.sagemaker.describe_model(ModelName=name)["PrimaryContainer"] for name in made]

    assert told[0]["ModelDataSource"]["S3DataSource"]["S3Uri"] == "s3://models/2/"
    assert told[0]["Environment"] == {"HOME_IS": str(Path.home())}
    assert told[1]["ModelDataUrl"] == "s3://models/2.tar.gz"
    assert told[2]["ModelPackageName"] == package


def test_a_model_that_is_to_be_there_and_is_not(site: SagemakerSite) -> None:
    """Nothing is made in its place."""
    site.models["v1"] = replace(site.models["v1"], hosted=Hosted(sagemaker_model="gone"))
    with pytest.raises(UsageError, match="there is no SageMaker model gone"):
        site.open().ensure("v1", 1)


def test_a_variant_of_its_own_kind(site: SagemakerSite) -> None:
    """Disk and waits are those of the plan."""
    hosted = Hosted(image=site.models["v1"].hosted.image, volume_size=50, startup_timeout=600.0, download_timeout=900.0)
    site.models["v1"] = replace(site.models["v1"], hosted=hosted)
    site.open().ensure("v1", 1)
    config = site.clients.sagemaker.describe_endpoint_config(EndpointConfigName=site.described["EndpointConfigName"])
    (told,) = config["ProductionVariants"]

    assert (told["VolumeSizeInGB"], told["ModelDataDownloadTimeoutInSeconds"]) == (50, 900)


def test_a_ledger_that_cannot_be_read(pair: SagemakerDriver, site: SagemakerSite) -> None:
    """It is told with what to do."""
    (site.folder / "sagemaker" / ENDPOINT / "ledger.json").write_text("{")
    with pytest.raises(OutOfReach, match=r"ledger\.json cannot be read"):
        pair.observe()


def test_what_cannot_be_deleted_stays_for_next_time(pair: SagemakerDriver, site: SagemakerSite) -> None:
    """The users are where they should be already."""
    site.aws.settings.denied = ["sagemaker:ListEndpointConfigs"]
    pair.retire("v2")

    assert site.weights == {"v1": 10_000}


def test_somebody_who_is_always_faster(pair: SagemakerDriver, site: SagemakerSite) -> None:
    """The wait for the lock has an end."""
    busy = 'Cannot update in-progress endpoint "arn:aws:sagemaker:us-east-1:123456789012:endpoint/scorer".'
    site.aws.fault(Fault(kind="error", on="sagemaker:UpdateEndpointWeightsAndCapacities", times=99, message=busy))
    with pytest.raises(OutOfReach, match="by somebody else again and again"):
        pair.route(HALF)


def test_a_variant_cannot_be_taken_away(pair: SagemakerDriver, site: SagemakerSite) -> None:
    """AWS rolls that back, too, and it is told."""
    site.outcome(kind="rolled-back", reason="no capacity")
    with pytest.raises(OutOfReach, match="v2 could not be taken away: AWS says: no capacity"):
        pair.retire("v2")

    assert set(site.weights) == {"v1", "v2"}


def test_numbers_of_an_endpoint_that_does_not_serve(pair: SagemakerDriver, site: SagemakerSite) -> None:
    """There are none, and that is not zero."""
    pair.shutdown()
    with pytest.raises(OutOfReach, match="is not there"):
        pair.measure()
    pair.shutdown()


def test_a_configuration_that_was_never_seen(site: SagemakerSite) -> None:
    """One that somebody has made and deleted while it is in use is told by its name."""
    site.clients.model("theirs", image=site.models["v1"].hosted.image)
    site.clients.config("theirs", variant("a", "theirs"))
    site.clients.endpoint(ENDPOINT, "theirs")
    site.aws.advance(600)
    site.clients.sagemaker.delete_endpoint_config(EndpointConfigName="theirs")
    with pytest.raises(UsageError, match="theirs is in use and not there"):
        site.open().ensure("v1", 1)


def test_a_configuration_with_other_contents(pair: SagemakerDriver, site: SagemakerSite) -> None:
    """A name stands for what it says: one that says something else is not used."""
    found = pair._endpoint.find()
    assert found is not None
    name = pair._configs.name_of(pair._acts.layout(found).lacking(["v2"]))
    site.clients.sagemaker.delete_endpoint_config(EndpointConfigName=name)
    site.clients.config(name, variant("x", site.clients.sagemaker.list_models()["Models"][0]["ModelName"]))
    with pytest.raises(UsageError, match=f"{name} is there and says something else"):
        site.open(2).retire("v2")
