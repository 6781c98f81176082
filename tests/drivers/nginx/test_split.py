"""Who gets which model from an nginx that is somebody else's."""

from __future__ import annotations

from math import sqrt

import pytest
from msgspec.structs import replace

from mlship.errors import ModelNotReady, RoutingRefused, UsageError
from mlship.plan.pool import Pool
from mlship.plan.routing import Mirror, Routing, all_to
from mlship.plan.rule import Condition, Part, Rule, header_is
from tests.support.nginx_site import NginxSite
from tests.support.site import split

pytestmark = pytest.mark.nginx


def test_many_parts(site: NginxSite) -> None:
    """A split may have as many as it likes, of the same two models, too."""
    site.up("v1", "v2").route(Routing(segments=(("v1", 2000), ("v2", 2000)) * 2 + (("v1", 2000),)))

    found = site.shares(1000)["v2"]

    assert abs(found - 400) <= 4 * sqrt(1000 * 0.24)


def test_a_header_leads_to_the_model_on_the_side(site: NginxSite) -> None:
    """Only with the value that was agreed, in its case; after a rollback it leads to the live model."""
    driver = site.up("v1", "v2")
    routing = replace(all_to("v1"), rules=(header_is("x-preview", "v2.green+1", "v2"),))
    driver.route(routing)

    assert driver.observe().routing == routing
    assert site.ask(x_preview="v2.green+1").model == "v2"
    others = ("", "red", "v2", "v2.GREEN+1", "v2xgreen+1", "v2.green+1x")
    assert {site.ask(x_preview=value).model for value in others} == {"v1"}
    driver.insist(all_to("v1"))
    assert {site.ask(x_preview=value).model for value in ("", "v2.green+1")} == {"v1"}


def test_the_first_rule_that_matches_decides(site: NginxSite) -> None:
    """Several headers, several values, and a percentage of everybody else: always the same users."""
    driver = site.up("v1", "v2")
    never = Rule(model="v1", when=(Condition(part=Part.HEADER, name="x-tier", values=("free", "trial")),))
    rules = (never, header_is("x-beta", "yes", "v2"), Rule(model="v2", share=3000))
    driver.route(replace(all_to("v1"), rules=rules, assign_by="x-user", salt="s"))

    assert {site.ask(x_tier=tier, x_beta="yes").model for tier in ("free", "trial")} == {"v1"}
    assert site.ask(x_tier="paid", x_beta="yes").model == "v2"
    users = {user for user, model in site.arms(300).items() if model == "v2"}
    assert 50 <= len(users) <= 130
    assert users == {user for user, model in site.arms(300).items() if model == "v2"}


def test_a_closed_door(site: NginxSite) -> None:
    """503 and when to come again; nothing of it is counted as an answer of a model."""
    driver = site.up("v1")
    before = driver.measure()
    driver.route(replace(all_to("v1"), closed=True))

    answer = site.ask()

    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert driver.measure().models == before.models
    assert driver.observe().routing == replace(all_to("v1"), closed=True)


def test_a_model_is_ready_when_its_servers_say_so(site: NginxSite) -> None:
    """nginx itself checks none, so mlship asks each of them by the health path."""
    site.serve("sick", sick=True)

    with pytest.raises(ModelNotReady, match="GET /v2/health/ready does not answer 2xx"):
        site.open().ensure("sick", 1)


def test_servers_must_be_named(site: NginxSite) -> None:
    """Nobody else could tell whether they are up."""
    site.models["v2"] = replace(site.models["v2"], pool=Pool())

    with pytest.raises(UsageError, match="v2 names no servers") as told:
        site.open().ensure("v2", 1)

    assert "servers: [" in told.value.hint


@pytest.mark.parametrize(
    ("routing", "why"),
    [
        (replace(all_to("v1"), rules=(header_is("x", "a b", "v2"),)), "one header with plain values"),
        (replace(all_to("v1"), rules=(header_is("x", 'a"; return 200', "v2"),)), "one header with plain values"),
        (replace(all_to("v1"), rules=(Rule(model="v2", when=(Condition(part=Part.USER, values=("a",)),)),)), "header"),
        (replace(all_to("v1"), mirrors=(Mirror(model="v2", share=100),)), "copies no requests"),
        (replace(split(1000), assign_by="x_user$"), "cannot tell users apart by header"),
    ],
)
def test_what_cannot_be_said_is_refused(site: NginxSite, routing: Routing, why: str) -> None:
    """Before anything is changed, with the reason."""
    driver = site.up("v1", "v2")
    with pytest.raises(RoutingRefused, match=why) as told:
        driver.route(routing)

    assert told.value.hint
    assert driver.observe().routing == all_to("v1")
