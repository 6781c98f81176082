"""Who gets which model from an HAProxy that is somebody else's."""

from __future__ import annotations

from math import sqrt

import pytest
from msgspec.structs import replace

from mlship.errors import ModelNotReady, RoutingRefused, UsageError
from mlship.plan.pool import Pool
from mlship.plan.routing import Mirror, Routing, all_to
from mlship.plan.rule import Rule, header_is
from tests.support.balanced_load import Load
from tests.support.balanced_site import CLOCK, drawn
from tests.support.haproxy_site import HaproxySite, haproxy_site

pytestmark = pytest.mark.haproxy


def test_a_header_leads_to_the_model_on_the_side(site: HaproxySite) -> None:
    """Only with the value that was agreed; after a rollback it leads nowhere else than to the live model."""
    driver = site.up("v1", "v2")
    driver.route(replace(all_to("v1"), rules=(header_is("x-preview", "green", "v2"),)))

    assert site.ask(x_preview="green").model == "v2"
    assert {site.ask(x_preview=value).model for value in ("", "red", "any", "v2")} == {"v1"}
    assert {site.ask().model for _ in range(20)} == {"v1"}
    driver.insist(all_to("v1"))
    assert {site.ask(x_preview=value).model for value in ("", "green")} == {"v1"}


def test_a_flag_that_is_a_percentage(site: HaproxySite) -> None:
    """So many of everybody, always the same ones."""
    driver = site.up("v1", "v2")
    routing = replace(all_to("v1"), rules=(Rule(model="v2", share=3000),), assign_by="x-user", salt="s")
    driver.route(routing)
    users = {user for user, model in site.arms(300).items() if model == "v2"}

    assert driver.observe().routing == routing
    assert 50 <= len(users) <= 130
    assert users == {user for user, model in site.arms(300).items() if model == "v2"}


def test_an_outage_of_the_candidate_is_none_of_the_users(site: HaproxySite) -> None:
    """Its servers are taken out at half of the traffic: the live model answers, whatever the split says."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    with Load(port=site.balancer.port) as load:
        site.balancer.api.ask("set server v2/v2-1 state maint")
        CLOCK.sleep(1.0)

    assert load.failed == []
    assert load.answered["v2"] > 0
    assert set(site.shares(200)) == {"v1"}
    assert driver.observe().models["v2"].ready == 0


def test_a_server_in_maintenance_does_not_move_the_split() -> None:
    """The share is that of the backends, however many servers each has left."""
    with haproxy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        more = f"backend v3\n    server a {site.addresses['v1']}\n    server b {site.addresses['v1']} disabled\n"
        site.balance(more=more)
        site.models["v1"] = replace(site.models["v1"], pool=Pool(backend="v3"))
        driver = site.up("v1", "v2")
        driver.route(drawn(5000))

        assert abs(site.shares(1000)["v2"] - 500) <= 4 * sqrt(250)
        assert driver.observe().models["v1"].running == 1


def test_what_is_not_checked_is_asked() -> None:
    """Servers without `check` are up for HAProxy whatever they do; mlship asks their health path itself."""
    with haproxy_site() as site:
        site.serve("v1")
        site.serve("v2", sick=True)
        site.balance(checked=False)
        driver = site.up("v1")

        with pytest.raises(ModelNotReady, match="GET /v2/health/ready does not answer 2xx"):
            driver.ensure("v2", 1)


def test_a_first_check_is_waited_for(site: HaproxySite) -> None:
    """HAProxy sends requests to a server before its first check has ended; mlship does not call it ready."""
    site.serve("sick", sick=True)
    site.balance()
    site.balancers.pop(0).kill()

    with pytest.raises(ModelNotReady, match="sick-1"):
        site.open().ensure("sick", 1)


def test_a_backend_that_is_not_there(site: HaproxySite) -> None:
    """It is told by name, and is not waited for."""
    site.models["v2"] = replace(site.models["v2"], pool=Pool(backend="fraud-v2"))

    with pytest.raises(UsageError, match="has no backend fraud-v2") as told:
        site.open().ensure("v2", 1)

    assert "backend: NAME" in told.value.hint


@pytest.mark.parametrize(
    ("routing", "why"),
    [
        (replace(all_to("v1"), rules=(header_is("x", "y", "v2"),)), "follows one rule here: header x-preview"),
        (replace(all_to("v1"), rules=(header_is("x-preview", "a b; quit", "v2"),)), "follows one rule here"),
        (replace(all_to("v1"), mirrors=(Mirror(model="v2", share=100),)), "copies no requests"),
        (
            Routing(segments=(("v1", 2000), ("v2", 2000)) * 2 + (("v1", 2000),), assign_by="x-user"),
            "at most 4 parts here; this split has 5",
        ),
    ],
)
def test_what_cannot_be_said_is_refused(site: HaproxySite, routing: Routing, why: str) -> None:
    """Before anything is changed, with the reason."""
    driver = site.up("v1", "v2")
    with pytest.raises(RoutingRefused, match=why) as told:
        driver.route(routing)

    assert told.value.hint
    assert driver.observe().routing == all_to("v1")
