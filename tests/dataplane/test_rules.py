"""Who gets which model by rules: each part of a request, lists, order and the stable share, asked of a real router."""

from __future__ import annotations

import pytest

from mlship.drivers.process import ProcessDriver
from mlship.plan.routing import WHOLE, Routing, all_to
from mlship.plan.rule import Condition, Part, Rule
from mlship.plan.rulecheck import refusal
from tests.dataplane.test_split import members, within_four_sigma
from tests.support.site import Site, served, split

pytestmark = pytest.mark.envoy

USERS = 600
ODD = ("alice", "Bob", 'q"uo\\te', "a]]b", "x%d", "naïve", "two words", "a=b,c", "#")


@pytest.fixture
def driver(site: Site) -> ProcessDriver:
    """Two models that are up, all traffic on v1."""
    return site.up(served("v1"), served("v2"))


def where(part: Part, name: str = "", *values: str, pattern: str | None = None, absent: bool = False) -> Condition:
    return Condition(part=part, name=name, values=values, pattern=pattern, absent=absent)


def ruled(*rules: Rule, salt: str = "s", assign_by: str | None = "x-user") -> Routing:
    """Everything to v1 but what the rules say."""
    return Routing(segments=(("v1", WHOLE),), rules=rules, assign_by=assign_by, salt=salt)


def to_v2(*conditions: Condition, share: int = WHOLE) -> Rule:
    return Rule(model="v2", when=conditions, share=share)


def model_of(site: Site, path: str = "/predict", /, **headers: str) -> str:
    """The model that answers."""
    return site.ask(path, body=None, timeout=30.0, **headers).model


def test_a_header_by_value_values_pattern_presence_and_absence(site: Site, driver: ProcessDriver) -> None:
    """The name in any case; the value exactly, one of several, or a full match."""
    asked = where(Part.HEADER, "X-Plan", "pro", "team"), where(Part.HEADER, "x-country", pattern="de|at")
    driver.route(ruled(*(to_v2(each) for each in asked), to_v2(where(Part.HEADER, "x-debug"))))
    given = [{"x_plan": "team"}, {"x_country": "at"}, {"x_debug": "0"}]
    missed = [{"x_plan": "teams"}, {"x_plan": "Pro"}, {"x_country": "den"}, {}]

    assert [model_of(site, **headers) for headers in given] == ["v2"] * 3
    assert [model_of(site, **headers) for headers in missed] == ["v1"] * 4

    driver.route(ruled(to_v2(where(Part.HEADER, "x-debug", absent=True))))
    assert (site.ask().model, site.ask(x_debug="1").model) == ("v2", "v1")


@pytest.mark.parametrize("part", [Part.COOKIE, Part.QUERY])
def test_cookies_and_parameters_as_headers(site: Site, driver: ProcessDriver, part: Part) -> None:
    """One of several values, a pattern, being there and not being there, whatever stands beside it."""

    def model(pair: str) -> str:
        sent = f"other=1{pair}"
        return (
            site.ask(f"/predict?{sent.replace(';', '&').replace(' ', '')}").model
            if part is Part.QUERY
            else (site.ask(cookie=sent).model)
        )

    driver.route(ruled(to_v2(where(part, "ring", "inner", "outer")), to_v2(where(part, "v", pattern="2[0-9]"))))
    assert [model(pair) for pair in ("; ring=outer", "; v=21", "; ring=out", "; v=211", "")] == ["v2"] * 2 + ["v1"] * 3

    driver.route(ruled(to_v2(where(part, "ring"))))
    assert (model("; ring=x"), model("")) == ("v2", "v1")

    driver.route(ruled(to_v2(where(part, "ring", absent=True))))
    assert (model("; ring=x"), model("")) == ("v1", "v2")


@pytest.mark.parametrize("pattern", [".{1000}", "(?i)pro|team", r"\d+(\.\d+)*", "[a-z]{1,500}"])
def test_patterns_that_a_plan_may_hold_are_taken(site: Site, driver: ProcessDriver, pattern: str) -> None:
    """The router's own limits refuse nothing that passed the plan's check."""
    driver.route(ruled(to_v2(where(Part.HEADER, "x-a", pattern=pattern))))

    assert refusal(pattern) == ""
    assert site.ask(x_a="-").model == "v1"


def test_parameters_are_compared_as_they_are_sent(site: Site, driver: ProcessDriver) -> None:
    """Nothing is decoded: a blank is %20."""
    driver.route(ruled(to_v2(where(Part.QUERY, "city", "New%20York", "New+York"))))

    assert [site.ask(f"/predict?city={city}").model for city in ("New%20York", "New+York", "NewYork")] == [
        "v2",
        "v2",
        "v1",
    ]


def test_every_condition_of_a_rule_must_hold_and_the_first_rule_decides(site: Site, driver: ProcessDriver) -> None:
    """A rule that says never stands before the others; conditions of one rule are joined by and."""
    never = Rule(model="v1", when=(where(Part.HEADER, "x-tier", "free"),))
    both = to_v2(where(Part.HEADER, "x-beta", "yes"), where(Part.QUERY, "v", "2"), where(Part.COOKIE, "ring", "0"))
    driver.route(ruled(never, both))
    path, right = "/predict?v=2", {"x_beta": "yes", "cookie": "ring=0"}

    assert model_of(site, path, **right) == "v2"
    assert model_of(site, path, **right, x_tier="free") == "v1"
    assert model_of(site, **right) == "v1"
    assert site.ask(path, x_beta="yes").model == "v1"


def test_users_by_the_header_else_by_the_cookie(site: Site, driver: ProcessDriver) -> None:
    """Whoever sends the header is known by it, and a cookie that comes along says nothing."""
    driver.route(ruled(to_v2(where(Part.USER, "", *ODD))))

    assert [site.ask(x_user=user.encode().decode("latin-1")).model for user in ODD] == ["v2"] * len(ODD)
    assert {site.ask(x_user=user).model for user in ("ALICE", "bob", "alic", "two", "", "alice\\n")} == {"v1"}
    assert site.ask(cookie="mlship_uid=alice").model == "v2"
    assert site.ask(cookie="mlship_uid=alice", x_user="carol").model == "v1"
    assert site.ask().model == "v1"


def test_ten_thousand_users(site: Site, driver: ProcessDriver) -> None:
    """A long list is taken, and its first, its last and only its members are found."""
    names = tuple(f"user-{number:05d}" for number in range(10_000))
    driver.route(ruled(to_v2(where(Part.USER, "", *names), where(Part.HEADER, "x-beta", "yes"))))

    assert {site.ask(x_user=name, x_beta="yes").model for name in (names[0], names[5_000], names[-1])} == {"v2"}
    assert site.ask(x_user="user-10000", x_beta="yes").model == "v1"
    assert site.ask(x_user=names[0]).model == "v1"
    assert driver.observe().routing == ruled(to_v2(where(Part.USER, "", *names), where(Part.HEADER, "x-beta", "yes")))


def test_a_share_is_stable_grows_and_says_nothing_about_the_split(site: Site, driver: ProcessDriver) -> None:
    """A larger share only adds users; those of the split at the same share are others."""
    seen: set[str] = set()
    for share in (1000, 2500, 5000):
        driver.route(ruled(to_v2(share=share)))
        now = members(site.arms(USERS))
        assert seen <= now
        assert within_four_sigma(len(now), USERS, share / WHOLE)
        seen = now

    driver.route(split(5000))
    assert within_four_sigma(len(seen & members(site.arms(USERS))), USERS, 0.25)


def test_a_share_of_those_that_match(site: Site, driver: ProcessDriver) -> None:
    """The others that match stay with the live model; who does not match is not touched by it."""
    driver.route(ruled(to_v2(where(Part.HEADER, "x-beta", "yes"), share=5000)))
    names = [f"user-{number}" for number in range(200)]
    beta = {name for name in names if site.ask(x_user=name, x_beta="yes").model == "v2"}

    assert within_four_sigma(len(beta), 200, 0.5)
    assert {site.ask(x_user=name).model for name in names} == {"v1"}
    assert all((site.ask(x_user=name, x_beta="yes").model == "v2") == (name in beta) for name in names[:50])


@pytest.mark.parametrize("assign_by", ["x-user", None])
def test_a_share_of_anonymous_users_is_kept_by_the_cookie(
    site: Site, driver: ProcessDriver, assign_by: str | None
) -> None:
    """Also where nothing else is assigned: the first answer brings the cookie, and later ones come from one model."""
    driver.route(ruled(to_v2(share=5000), assign_by=assign_by))
    models = set()
    for _ in range(40):
        first = site.ask()
        assert {site.ask(cookie=first.cookie).model for _ in range(2)} == {first.model}
        models.add(first.model)

    assert models == {"v1", "v2"}


def test_a_flag_set_by_a_client_ends_with_the_rules(site: Site, driver: ProcessDriver) -> None:
    """Header, cookie, sticky user and a router's header of the client's making: all get the live model afterwards."""
    shared = to_v2(share=5000)
    asked = (where(Part.HEADER, "x-beta", "yes"), where(Part.COOKIE, "beta", "1"), where(Part.USER, "", "alice"))
    driver.route(ruled(*(to_v2(each) for each in asked), shared))
    sticky = next(name for name, model in site.arms(50).items() if model == "v2")
    flagged = [{"x_beta": "yes"}, {"cookie": "beta=1"}, {"x_user": "alice"}, {"x_user": sticky}]
    assert {model_of(site, **headers) for headers in flagged} == {"v2"}

    driver.route(all_to("v1"))

    spoofed = {"x_mlship_variant": "v2", "x_mlship_model": "v2"}
    assert {model_of(site, **headers) for headers in [*flagged, spoofed]} == {"v1"}


def test_rules_hold_while_the_candidate_is_dead(site: Site, driver: ProcessDriver) -> None:
    """A candidate that accepts no connections costs its users no answer."""
    driver.route(ruled(to_v2(where(Part.HEADER, "x-beta", "yes"))))
    for pid in site.pids("v2"):
        site.kill(pid)
    answers = [site.ask(x_beta="yes") for _ in range(20)]

    assert {answer.status for answer in answers} == {200}
