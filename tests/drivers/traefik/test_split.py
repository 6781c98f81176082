"""Who gets which model from a Traefik that is somebody else's."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mlship.errors import ModelNotReady, RoutingRefused, UsageError
from mlship.plan.pool import Pool
from mlship.plan.routing import Capture, Routing, all_to
from mlship.plan.rule import Condition, Part, Rule, header_is
from tests.support.balanced_site import drawn
from tests.support.site import split, until
from tests.support.traefik_site import LIVE, TraefikSite, traefik_site

pytestmark = pytest.mark.traefik


def test_headers_lead_to_the_model_on_the_side(site: TraefikSite) -> None:
    """The first rule that matches decides; after a rollback it leads nowhere else than to the live model."""
    driver = site.up("v1", "v2")
    never = Rule(model="v1", when=(Condition(part=Part.HEADER, name="x-tier", values=("free", "trial")),))
    routing = replace(all_to("v1"), rules=(never, header_is("x-preview", "v2.green+1", "v2")))
    driver.route(routing)

    assert driver.observe().routing == routing
    assert site.ask(x_preview="v2.green+1").model == "v2"
    assert site.ask(x_preview="v2.green+1", x_tier="trial").model == "v1"
    assert {site.ask(x_preview=value).model for value in ("", "v2", "v2xgreen+1", "v2.GREEN+1")} == {"v1"}
    driver.insist(all_to("v1"))
    assert site.ask(x_preview="v2.green+1").model == "v1"


def test_a_closed_door(site: TraefikSite) -> None:
    """503 and when to come again; nothing of it is counted as an answer of a model."""
    driver = site.up("v1")
    before = driver.measure()
    driver.route(replace(all_to("v1"), closed=True))

    answer = site.ask()

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert driver.measure().models == before.models
    assert driver.observe().routing == replace(all_to("v1"), closed=True)
    driver.route(all_to("v1"))
    assert site.ask().status == 200


def test_a_candidate_that_dies_is_none_of_the_users(site: TraefikSite) -> None:
    """A model whose servers are all down by Traefik's own check gets no request, whatever the split says."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    site.stop("v2")
    until(lambda: driver.observe().models["v2"].ready == 0)
    until(lambda: all(site.ask().status == 200 for _ in range(10)))

    assert set(site.shares(100)) == {"v1"}


def test_without_checks_a_dead_candidate_errs() -> None:
    """502 for its share, counted as its errors; mlship asks its health path itself, and says which is meant."""
    with traefik_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance(checked=False)
        with pytest.raises(RoutingRefused, match=r"has disabled mlship-scorer@file: .*health") as told:
            site.up("v1", "v2")
        until(lambda: site.balancer.entry is None)
        assert told.value.hint

        site.settings = {"health-check": False}
        driver = site.up("v1", "v2", fence=2)
        driver.route(drawn(5000))
        before = driver.measure().models["v2"]
        site.stop("v2")
        statuses = [site.ask().status for _ in range(40)]
        after = driver.measure().models["v2"]

        assert statuses.count(502) == after.errors - before.errors == 20
        assert driver.observe().models["v2"].ready == 0


def test_a_first_check_is_not_believed(site: TraefikSite) -> None:
    """Traefik says UP before it has asked; mlship asks, too."""
    site.serve("sick", sick=True)
    site.balance()
    site.balancers.pop(0).kill()

    with pytest.raises(ModelNotReady, match=r"sick is not ready"):
        site.open().ensure("sick", 1)


def test_a_service_that_is_not_there(site: TraefikSite) -> None:
    """It is told by name, and is not waited for."""
    site.models["v2"] = replace(site.models["v2"], pool=Pool(backend="fraud-v2"))

    with pytest.raises(UsageError, match="has no service fraud-v2") as told:
        site.open().ensure("v2", 1)

    assert "backend: NAME" in told.value.hint


@pytest.mark.parametrize(
    ("routing", "why"),
    [
        (split(1000), "keeps no user on one model"),
        (replace(all_to("v1"), rules=(Rule(model="v2", share=100),)), "keeps no user on one model"),
        (replace(all_to("v1"), rules=(header_is("x", "a`)b", "v2"),)), "one header with plain values"),
        (replace(all_to("v1"), capture=Capture()), "keeps no answers"),
    ],
)
def test_what_cannot_be_said_is_refused(site: TraefikSite, routing: Routing, why: str) -> None:
    """Before anything is changed, with the reason."""
    driver = site.up("v1", "v2")
    with pytest.raises(RoutingRefused, match=why) as told:
        driver.route(routing)

    assert told.value.hint
    assert site.balancer.entry == LIVE
