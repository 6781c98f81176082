"""What others do to a Traefik meanwhile, and what Traefik says nothing of."""

from __future__ import annotations

import pytest

from mlship.errors import OutOfReach, RoutingRefused
from mlship.metrics.counters import LATENCY_EDGES, difference
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.site import until
from tests.support.traefik_site import LIVE, TraefikSite, traefik_site

pytestmark = pytest.mark.traefik


def test_a_file_that_is_taken_and_leads_nowhere(site: TraefikSite) -> None:
    """Traefik loads weights of a service that it does not have, and answers 404: the file before is back at once."""
    driver = site.up("v1", "v2")
    before = site.balancer.file.read_text()
    (node,) = driver._fleet.nodes

    with pytest.raises(RoutingRefused, match=r"has disabled mlship-scorer@file: .*v9"):
        node.write("v9:10000")

    assert site.balancer.file.read_text() == before
    until(lambda: site.ask().status == 200)
    assert driver.observe().routing == all_to("v1")


def test_what_somebody_disabled_is_told(site: TraefikSite) -> None:
    """The weights are as they should be, and users get 404: that is no routing; a rollback writes it anew."""
    driver = site.up("v1", "v2")
    owner = site.balancer.file.parent / "owner.yml"
    text = owner.read_text()
    owner.write_text(text.replace("    v2:", "    v3:"))
    driver.insist(all_to("v1"))
    owner.write_text(text.replace("    v1:", "    v4:"))
    until(lambda: site.ask().status == 404)

    assert not driver.observe().router
    with pytest.raises(RoutingRefused, match="has disabled"):
        driver.route(drawn(1000))
    owner.write_text(text)
    driver.insist(all_to("v1"))
    assert (driver.observe().routing, driver.observe().router) == (all_to("v1"), True)


@pytest.mark.parametrize("text", ["http: [broken", "http: { services: { other: { loadBalancerr: {} } } }"])
def test_a_broken_file_of_somebody_else(site: TraefikSite, text: str) -> None:
    """Traefik keeps the last good configuration, and says so only in its log: what is not loaded is no success."""
    driver = site.up("v1", "v2")
    before = site.balancer.file.read_text()
    site.balancer.put("other.yml", text)

    with pytest.raises(RoutingRefused, match="has not loaded the split in 10 s, it has v1:10000") as told:
        driver.route(drawn(1000))

    assert "other.yml was changed last" in told.value.hint
    assert site.balancer.file.read_text() == before
    assert site.ask().model == "v1"


def test_a_rollback_waits_behind_a_broken_file_of_somebody_else(site: TraefikSite) -> None:
    """It cannot be done, and which file is in the way is told; it happens by itself once that file is gone."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    site.balancer.put("other.yml", "http: { services: { other: { loadBalancerr: {} } } }")

    with pytest.raises(OutOfReach, match="has not loaded the split in 10 s") as told:
        driver.insist(all_to("v1"))
    assert "other.yml was changed last" in told.value.hint

    (site.balancer.file.parent / "other.yml").unlink()
    until(lambda: site.balancer.entry == LIVE)
    driver.insist(all_to("v1"))
    assert driver.observe().routing == all_to("v1")


def test_the_file_is_made_outside_of_the_watched_folder(site: TraefikSite) -> None:
    """Nothing but the whole file ever appears in there, and nothing is left beside it."""
    site.up("v1", "v2").route(drawn(1000))

    assert {path.name for path in site.balancer.file.parent.iterdir()} == {"owner.yml", "mlship-scorer.yml"}
    assert {path.name for path in site.balancer.folder.iterdir()} == {"dynamic", "traefik.yml", "traefik.log"}


def test_a_change_by_somebody_else_stops_a_step_and_no_rollback(site: TraefikSite) -> None:
    """Both values are told; nothing is overwritten by a step forward, and everything by the way back."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    file = site.balancer.file
    file.write_text(file.read_text().replace('"weight": 1000', '"weight": 5000').replace("9000", "5000"))
    until(lambda: site.balancer.entry == "v2:5000,v1:5000")

    with pytest.raises(RoutingRefused, match=r"it has v2 50%, v1 50%, mlship has set v2 10%, v1 90%"):
        driver.route(drawn(2000))
    driver.insist(all_to("v1"))
    assert driver.observe().routing == all_to("v1")


def test_weights_that_nobody_can_have_meant(site: TraefikSite) -> None:
    """Traefik takes a negative weight; it is told as it is."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    file = site.balancer.file
    file.write_text(file.read_text().replace('"weight": 1000', '"weight": -5'))
    until(lambda: site.balancer.entry != "v2:1000,v1:9000")

    with pytest.raises(RoutingRefused, match="somebody else has changed"):
        driver.route(drawn(2000))


def test_a_restart_in_the_middle_of_a_step_keeps_the_split(site: TraefikSite) -> None:
    """While it is away that is told, and a step does not go on; afterwards it does."""
    driver = site.up("v1", "v2")
    driver.route(drawn(2500))
    site.shares(20)
    before = driver.measure()
    site.balancer.kill()
    seen = driver.observe()
    assert (seen.routing, seen.router) == (drawn(2500), False)
    with pytest.raises(OutOfReach, match="does not answer: Connection refused") as told:
        driver.route(drawn(5000))
    assert "start Traefik" in told.value.hint

    site.balancer.start()
    until(lambda: site.balancer.entry is not None)
    assert driver.observe().routing == drawn(2500)
    assert difference(before, driver.measure()) is None
    driver.route(drawn(5000))


def test_a_reload_in_the_middle_of_a_step_keeps_all(site: TraefikSite) -> None:
    """Its owner changes another file: split and counters go on."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    before = driver.measure()
    (site.balancer.file.parent / "other.yml").write_text(
        'http: { services: { other: { loadBalancer: { servers: [{ url: "http://127.0.0.1:1" }] } } } }\n'
    )
    until(lambda: any(each["name"] == "other@file" for each in site.balancer.api.services()))
    site.shares(20)

    grown = difference(before, driver.measure())

    assert grown is not None
    assert (grown["v1"].requests, grown["v2"].requests) == (10, 10)
    assert driver.observe().routing == drawn(5000)


def test_one_staging_for_two_nodes() -> None:
    """A rollback makes both files at once in the same folder: each node gets its own, and nothing is left there."""
    with traefik_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance(2)
        staging = site.folder / "staging"
        staging.mkdir()
        site.settings = {"nodes": [{**each.told, "staging": str(staging)} for each in site.balancers]}
        driver = site.up("v1", "v2")
        for _ in range(10):
            driver.insist(drawn(5000))
            driver.insist(all_to("v1"))

        assert [each.entry for each in site.balancers] == [LIVE, LIVE]
        assert not list(staging.iterdir())


def test_forward_is_taken_back_where_a_later_node_fails() -> None:
    """The first node has it already when the second does not take it: both go back."""
    with traefik_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance(2)
        driver = site.up("v1", "v2")
        owner = site.balancers[1].file.parent / "owner.yml"
        owner.write_text(owner.read_text().replace("    v2:", "    v3:"))
        until(lambda: any(each["name"] == "v3@file" for each in site.balancers[1].api.services()))
        with pytest.raises(RoutingRefused, match="the other nodes are as they were"):
            driver._fleet.forward("v2:1000,v1:9000", driver._fleet.read())

        assert [each.entry for each in site.balancers] == [LIVE, LIVE]


def test_counters_are_exact(site: TraefikSite) -> None:
    """Every answer is counted, those of 500 as errors, and each has its latency."""
    site.stop("v2")
    site.serve("v2", ERRORS="0.3", DELAY="0.06")
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    before = driver.measure()
    answers = [site.ask() for _ in range(60)]

    grown = difference(before, driver.measure())

    assert grown
    for model in ("v1", "v2"):
        mine = [answer.status for answer in answers if answer.model == model]
        assert (grown[model].requests, grown[model].errors) == (len(mine), sum(status >= 500 for status in mine))
        assert sum(grown[model].latency) == len(mine) == 30
    assert grown["v2"].slower_than(LATENCY_EDGES.index(0.05)) == 30


def test_a_site_without_an_api(site: TraefikSite) -> None:
    """Whatever answers there, it is told what is needed."""
    site.settings = {"nodes": [{**site.balancer.told, "api": f"http://127.0.0.1:{site.balancer.port}"}]}

    with pytest.raises(RoutingRefused, match="has no /api/http/services: it answers 404") as told:
        site.open().route(all_to("v1"))

    assert "mlship init --driver traefik" in told.value.hint
