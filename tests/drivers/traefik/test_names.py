"""Services whose names begin with the same letters, side by side in one Traefik."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mlship.drivers.balancer.driver import BalancerDriver
from mlship.plan.routing import all_to
from mlship.plan.rule import header_is
from tests.support.balanced_site import drawn
from tests.support.site import until
from tests.support.traefik_site import TraefikSite

pytestmark = pytest.mark.traefik

PREVIEW = replace(all_to("v1"), rules=(header_is("x-preview", "green", "v2"),))


def beside(site: TraefikSite, service: str) -> BalancerDriver:
    """Another service of the same models, for the requests of a path of its own."""
    mine, site.service = site.service, service
    file = site.balancer.file.with_name(f"mlship-{service}.yml")
    site.settings = {"nodes": [{**site.balancer.told, "file": str(file)}], "rule": f"PathPrefix(`/{service}`)"}
    driver = site.up("v1", "v2")
    site.service, site.settings = mine, {}
    return driver


@pytest.mark.parametrize("name", ["scorer-eu", "scorer-0", "scorer-0-1"])
def test_a_service_whose_name_extends_anothers(site: TraefikSite, name: str) -> None:
    """Each has its split, its rules and its copies, and neither holds up a step or a rollback of the other."""
    driver, other = site.up("v1", "v2"), beside(site, name)
    other.route(PREVIEW)

    driver.route(PREVIEW)
    assert (driver.observe().routing, other.observe().routing) == (PREVIEW, PREVIEW)
    assert [site.ask(path, x_preview="green").model for path in ("/predict", f"/{name}")] == ["v2", "v2"]

    driver.route(drawn(1000))
    other.route(drawn(5000))
    assert (driver.observe().routing, other.observe().routing) == (drawn(1000), drawn(5000))

    driver.insist(all_to("v1"))
    assert (driver.observe().routing, other.observe().routing) == (all_to("v1"), drawn(5000))


def test_what_disables_a_service_disables_no_other(site: TraefikSite) -> None:
    """The router of `scorer-0` leads nowhere: of `scorer`, whose rules once had such names, nothing is out of order."""
    driver, other = site.up("v1", "v2"), beside(site, "scorer-0")
    file = site.balancer.file.with_name("mlship-scorer-0.yml")
    file.write_text(file.read_text().replace('"name": "v1"', '"name": "v9"'))
    until(lambda: not other.observe().router)

    assert driver.observe().router
    driver.route(drawn(1000))
    driver.insist(all_to("v1"))
    assert driver.observe().routing == all_to("v1")


def test_a_file_with_names_from_before(site: TraefikSite) -> None:
    """Rules that an earlier mlship has written are understood; the next step gives them their names."""
    driver = site.up("v1", "v2")
    driver.route(PREVIEW)
    site.balancer.put_back(lambda text: text.replace("mlship-scorer_rule-0", "mlship-scorer-0"))
    until(lambda: any(each["name"] == "mlship-scorer-0@file" for each in site.balancer.api.routers()))

    assert (driver.observe().routing, driver.observe().router) == (PREVIEW, True)
    moved = replace(PREVIEW, rules=(header_is("x-preview", "blue", "v2"),))
    driver.route(moved)

    assert driver.observe().routing == moved
    assert [site.ask(x_preview=value).model for value in ("green", "blue")] == ["v1", "v2"]
    assert {each["name"] for each in site.balancer.api.routers("mlship-")} == {
        "mlship-scorer@file",
        "mlship-scorer_rule-0@file",
    }
