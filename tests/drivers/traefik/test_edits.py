"""What somebody else writes into mlship's own file while its shares stay as they are."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from mlship.drivers.balancer.driver import BalancerDriver
from mlship.drivers.balancer.traefik.doctor import LATE
from mlship.errors import OutOfReach, RoutingRefused
from mlship.plan.routing import all_to
from mlship.plan.rule import header_is
from tests.support.balanced_site import CLOCK, drawn
from tests.support.rights import nobody, open_to
from tests.support.site import until
from tests.support.traefik_site import LIVE, TraefikSite

pytestmark = pytest.mark.traefik

COOKIE = ('"weighted": {', '"weighted": { "sticky": { "cookie": { "name": "kept" } },')
RULE = ('"rule": "PathPrefix(`/`)"', '"rule": "PathPrefix(`/`) && !Header(`x-team`, `other`)"')
STOPS = r"somebody else has changed Traefik .* it has 'hand:v2:5000,v1:5000', mlship has set 'v2:5000,v1:5000'"


def told(driver: BalancerDriver) -> list[tuple[str, str]]:
    """What doctor finds."""
    return [(each.mark, each.message) for each in driver.troubles(fence=1, held=False)]


def edit(site: TraefikSite, edited: tuple[str, str]) -> None:
    """Change mlship's file in one write, by hand, until Traefik has loaded that."""
    text = site.balancer.file.read_text()
    assert edited[0] in text
    site.balancer.put(site.balancer.file.name, text.replace(*edited))
    wanted = edited[1].partition("kept")[1] or "x-team"
    until(lambda: wanted in site.balancer.api.text(f"{site.balancer.api.url}/api/rawdata"))


def test_a_cookie_stops_a_step_and_holds_nobody_through_a_rollback(site: TraefikSite) -> None:
    """Users would stay on the candidate that they have met, the weights as they are: the way back evicts them."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    edit(site, COOKIE)
    answers = [site.ask() for _ in range(10)]
    holders = [each.headers["set-cookie"].partition(";")[0] for each in answers if each.model == "v2"]
    assert {site.ask(cookie=held).model for held in holders for _ in range(4)} == {"v2"}

    with pytest.raises(RoutingRefused, match=STOPS) as refused:
        driver.route(drawn(7500))
    assert "mlship rollback" in refused.value.hint
    assert [(mark, bool(re.search(STOPS, message))) for mark, message in told(driver)] == [("warn", True)]

    driver.insist(all_to("v1"))
    assert {site.ask(cookie=held).model for held in holders for _ in range(4)} == {"v1"}
    assert told(driver) == []


def test_a_cookie_is_gone_when_the_way_back_changes_no_share(site: TraefikSite) -> None:
    """The same weights are loaded before and after: the rollback returns when those without the cookie are."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    for edited in (COOKIE, RULE):
        edit(site, edited)
        driver.insist(drawn(5000))

        loaded = site.balancer.api.text(f"{site.balancer.api.url}/api/rawdata")
        assert ("kept" in loaded, "x-team" in loaded) == (False, False)


def test_another_rule_stops_a_step_and_no_rollback(site: TraefikSite) -> None:
    """Whose requests are the service's is said by the plan: with another rule some of them answer 404."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    edit(site, RULE)
    assert site.ask(x_team="other").status == 404

    with pytest.raises(RoutingRefused, match=STOPS):
        driver.route(drawn(7500))
    assert [(mark, bool(re.search(STOPS, message))) for mark, message in told(driver)] == [("warn", True)]

    driver.insist(all_to("v1"))
    assert site.ask(x_team="other").model == "v1"
    driver.route(drawn(1000))


def test_a_rule_that_somebody_elses_file_gives_to_our_router(site: TraefikSite) -> None:
    """Of two files with one router Traefik takes the first: ours is whole, and what is loaded is another one."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    router = '{ rule: "PathPrefix(`/x-team`)", service: mlship-scorer, priority: 100000 }'
    site.balancer.put("a-team.yml", f"http: {{ routers: {{ mlship-scorer: {router} }} }}")
    until(lambda: site.ask().status == 404)

    with pytest.raises(RoutingRefused, match=STOPS):
        driver.route(drawn(7500))
    with pytest.raises(OutOfReach, match="has not loaded the split in 10 s") as refused:
        driver.insist(drawn(5000))
    assert "a-team.yml was changed last" in refused.value.hint


def test_another_rule_in_the_plan_is_none_by_somebody_else(site: TraefikSite) -> None:
    """The next step sets it, with shares that are as they were, too, and returns when it is loaded."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    site.settings = {"rule": "PathPrefix(`/`) && !Header(`x-team`, `other`)", "health-check": False}

    assert told(site.open(None)) == []
    site.open(2).route(drawn(5000))

    assert [site.ask(x_team=team).status for team in ("other", "ours")] == [404, 200]


def test_the_same_in_another_layout_is_no_edit(site: TraefikSite) -> None:
    """Whoever formats the file has changed nothing."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    first, _, body = site.balancer.file.read_text().partition("\n")
    site.balancer.put(site.balancer.file.name, f"{first}\r\n{' '.join(body.split())}\n")

    assert told(driver) == []
    driver.route(drawn(7500))


def test_a_file_of_an_earlier_mlship(site: TraefikSite) -> None:
    """It has no sum and is taken as it is, unless it keeps users, which mlship has never written."""
    driver = site.up("v1", "v2")
    driver.route(replace(drawn(5000), rules=(header_is("x-preview", "sticky", "v2"),)))
    site.balancer.put_back(lambda body: body)
    assert told(driver) == []
    driver.route(drawn(5000))

    site.balancer.put_back(lambda body: body.replace(*COOKIE))
    with pytest.raises(RoutingRefused, match=STOPS):
        driver.route(drawn(7500))


@pytest.mark.parametrize("text", ["http: [broken", "http: { services: { other: { loadBalancerr: {} } } }"])
def test_our_own_file_broken(site: TraefikSite, text: str) -> None:
    """Traefik keeps the last good one and users are served; doctor tells, a step stops, the rollback replaces it."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    site.balancer.put(site.balancer.file.name, text)
    CLOCK.sleep(LATE)

    assert site.shares(20) == {"v1": 10, "v2": 10}
    found = told(driver)
    assert {mark for mark, _ in found} == {"warn"}
    assert any("mlship-scorer.yml says nothing, Traefik" in message for _, message in found), found
    with pytest.raises(RoutingRefused, match=STOPS):
        driver.route(drawn(7500))
    assert site.balancer.file.read_text() == text

    driver.insist(all_to("v1"))
    assert (site.balancer.entry, site.shares(20), told(driver)) == (LIVE, {"v1": 20}, [])


def test_a_user_who_may_not_write(site: TraefikSite) -> None:
    """Forth and back: which file and what to do are told, and the split stays."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    open_to(site.folder)
    for folder in (site.balancer.folder, site.balancer.file.parent):
        folder.chmod(0o755)
    before = site.balancer.file.read_text()
    with nobody():
        with pytest.raises(OutOfReach, match=r"mlship-scorer.yml cannot be written: Permission denied") as step:
            driver.route(drawn(5000))
        with pytest.raises(OutOfReach, match=r"mlship-scorer.yml cannot be written: Permission denied") as back:
            driver.insist(all_to("v1"))

    assert [f"let mlship's user write {site.balancer.file.parent}" in each.value.hint for each in (step, back)] == [
        True,
        True,
    ]
    assert (site.balancer.file.read_text(), site.balancer.entry) == (before, "v2:1000,v1:9000")
    driver.insist(all_to("v1"))
    assert site.balancer.entry == LIVE
