"""Who gets which model from an Envoy that is somebody else's."""

from __future__ import annotations

from math import sqrt

import pytest
from msgspec.structs import replace

from mlship.drivers.balancer.envoy.node import EnvoyNode
from mlship.errors import ModelNotReady, RoutingRefused, UsageError
from mlship.metrics.counters import difference
from mlship.plan.pool import Pool
from mlship.plan.routing import Capture, Mirror, Routing, all_to
from mlship.plan.rule import header_is
from tests.support.balanced_site import drawn
from tests.support.envoy_site import EnvoySite, envoy_site
from tests.support.site import split, until

pytestmark = pytest.mark.envoy

ASIDE = (header_is("x-preview", "yes", "v2"),)
COPIES = (Mirror(model="v2", share=5000),)


def test_more_than_two_models(site: EnvoySite) -> None:
    """All weights are set by one request, whatever stood there before."""
    site.serve("v3")
    site.balance()
    site.balancers.pop(0).kill()
    driver = site.up("v1", "v2", "v3")
    routing = Routing(segments=(("v2", 2000), ("v3", 3000), ("v1", 5000)))
    driver.route(routing)

    found = site.shares(500)

    assert site.balancer.weights == {"v1": 5000, "v2": 2000, "v3": 3000}
    assert all(abs(found[name] - 500 * p) <= 4 * sqrt(500 * p * (1 - p)) for name, p in (("v2", 0.2), ("v3", 0.3)))
    assert dict(driver.observe().routing.weights) == dict(routing.weights)  # type: ignore[union-attr]


def test_a_header_leads_to_the_model_on_the_side(site: EnvoySite) -> None:
    """Only with the value that the routes have, and only while it is asked for: after a rollback it leads nowhere."""
    driver = site.up("v1", "v2")
    assert site.ask(x_preview="yes").model == "v1"
    driver.route(replace(all_to("v1"), rules=ASIDE))

    assert site.ask(x_preview="yes").model == "v2"
    assert {site.ask(x_preview=value).model for value in ("", "no", "yes!")} == {"v1"}
    driver.insist(all_to("v1"))
    assert site.ask(x_preview="yes").model == "v1"


def test_copies(site: EnvoySite) -> None:
    """As many requests are copied as is asked for, users see the live model alone; a sick challenger harms nobody."""
    site.stop("v2")
    site.serve("v2", ERRORS="1")
    driver = site.up("v1", "v2")
    driver.route(replace(all_to("v1"), mirrors=COPIES))
    before = driver.measure()

    assert site.shares(400) == {"v1": 400}
    until(lambda: (difference(before, driver.measure()) or {})["v2"].requests > 100)

    grown = difference(before, driver.measure())
    assert grown
    assert (grown["v1"].requests, grown["v1"].errors) == (400, 0)
    assert abs(grown["v2"].requests - 200) <= 4 * sqrt(100) + 1
    assert grown["v2"].errors == grown["v2"].requests
    assert driver.observe().routing == replace(all_to("v1"), mirrors=COPIES)


def test_copies_that_no_route_makes() -> None:
    """A key that the configuration does not know would be taken, with 200 OK, and do nothing: that is refused."""
    without = "runtime_key: mlship.scorer.mirror.v2"
    with envoy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance(replaced={without: "runtime_key: other"})
        driver = site.up("v1", "v2")

        with pytest.raises(RoutingRefused, match="did not take the split") as told:
            driver.route(replace(all_to("v1"), mirrors=COPIES))

        assert "mlship init --driver envoy" in told.value.hint
        assert driver.observe().routing == all_to("v1")


def test_the_door(site: EnvoySite) -> None:
    """Closed it answers 503 and when to come again."""
    driver = site.up("v1", "v2")
    driver.route(replace(all_to("v1"), closed=True))
    answer = site.ask(x_preview="yes")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")

    driver.route(all_to("v2"))
    assert site.ask().model == "v2"


def test_a_cluster_that_is_not_there(site: EnvoySite) -> None:
    """It is told by name, and is not waited for."""
    site.models["v2"] = replace(site.models["v2"], pool=Pool(backend="fraud-v2"))

    with pytest.raises(UsageError, match="has no cluster fraud-v2") as told:
        site.open().ensure("v2", 1)

    assert "backend: NAME" in told.value.hint


@pytest.mark.parametrize("checked", [True, False])
def test_servers_that_do_not_get_ready(*, checked: bool) -> None:
    """By Envoy's own checks; where it has none, their health path is asked."""
    with envoy_site() as site:
        site.serve("v1")
        site.serve("v2", sick=True)
        site.balance(checked=checked)
        driver = site.up("v1")

        with pytest.raises(ModelNotReady, match="failed_active_health_check" if checked else "GET /v2/health/ready"):
            driver.ensure("v2", 1)


@pytest.mark.parametrize(
    ("routing", "why"),
    [
        (replace(all_to("v1"), rules=(header_is("x-preview", "no", "v2"),)), "header x-preview with the value yes"),
        (split(1000), "no user on one model"),
        (replace(all_to("v1"), capture=Capture()), "keeps no answers"),
        (replace(drawn(1000), mirrors=COPIES), "copy the candidate's requests, too"),
    ],
)
def test_what_cannot_be_said_is_refused(site: EnvoySite, routing: Routing, why: str) -> None:
    """Before anything is changed, with the reason."""
    driver = site.up("v1", "v2")
    with pytest.raises(RoutingRefused, match=why) as told:
        driver.route(routing)

    assert told.value.hint
    assert driver.observe().routing == all_to("v1")


def test_a_fraction_is_never_a_bare_number(site: EnvoySite) -> None:
    """Envoy takes 100, meant as one percent, for all of it; and answers 200 to -5 and 0.5, which mean nothing."""
    driver = site.up("v1", "v2")
    (node,) = driver._fleet.nodes
    assert isinstance(node, EnvoyNode)
    site.balancer.set_by_hand(aside_v2="100")
    assert site.ask(x_preview="yes").model == "v2"
    with pytest.raises(RoutingRefused, match="somebody else has changed"):
        driver.route(drawn(1000))

    for nonsense in ("-5", "0.5", "abc"):
        site.balancer.set_by_hand(aside_v2=nonsense)
        assert nonsense in (node.read() or "")
        with pytest.raises(RoutingRefused, match=nonsense):
            driver.route(drawn(1000))
    driver.insist(replace(all_to("v1"), rules=ASIDE))
    assert site.balancer.runtime["aside.v2"] == '{"numerator":10000,"denominator":"TEN_THOUSAND"}'
