"""What an HAProxy forgets, and what others do to it meanwhile."""

from __future__ import annotations

import pytest

from mlship.errors import OutOfReach, RoutingRefused
from mlship.metrics.counters import difference
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.haproxy_site import HaproxySite
from tests.support.site import split

pytestmark = pytest.mark.haproxy


def test_a_change_by_somebody_else_stops_a_step_and_no_rollback(site: HaproxySite) -> None:
    """Both values are told; nothing is overwritten by a step forward, and everything by the way back."""
    driver = site.up("v1", "v2")
    driver.route(split(1000))
    site.balancer.api.ask(f"set map {site.balancer.map} scorer any:v2:5000:v1:10000")

    assert dict(driver.observe().routing.weights) == {"v2": 5000, "v1": 5000}  # type: ignore[union-attr]
    with pytest.raises(RoutingRefused, match=r"it has v2 50%, v1 50%, mlship has set v2 10%, v1 90%"):
        driver.route(split(2000))
    assert site.balancer.entry == "any:v2:5000:v1:10000"

    driver.insist(all_to("v1"))
    assert driver.observe().routing == all_to("v1")


@pytest.mark.parametrize("value", ["nonsense", "any:v2", "any:v2:x:v1:10000", "any:v2:100"])
def test_what_nobody_can_have_meant_is_told_as_it_is(site: HaproxySite, value: str) -> None:
    """A hand that slipped is shown its own text, and users are served meanwhile."""
    driver = site.up("v1", "v2")
    site.balancer.api.ask(f"set map {site.balancer.map} scorer {value}")

    with pytest.raises(RoutingRefused, match=value):
        driver.route(split(1000))
    assert site.ask().status == 200
    assert driver.observe().routing != all_to("v1")


def test_the_first_routing_must_be_what_is_there(site: HaproxySite) -> None:
    """A plan that takes the wrong model for live does not move the traffic of a running service."""
    site.balancer.api.ask(f"add map {site.balancer.map} scorer any:v2:10000")
    driver = site.open()
    driver.ensure("v1", 1)

    with pytest.raises(RoutingRefused, match=r"sends v2 100%, and the first routing would be v1 100%"):
        driver.route(all_to("v1"))
    driver.ensure("v2", 1)
    driver.route(all_to("v2"))

    assert driver.observe().routing == all_to("v2")


def test_a_reload_in_the_middle_of_a_step_keeps_the_split(site: HaproxySite) -> None:
    """The map file has it; the counters are of another life, and no negative traffic."""
    driver = site.up("v1", "v2")
    driver.route(split(2500))
    site.arms(20)
    before = driver.measure()

    site.balancer.reload()

    assert driver.observe().routing == split(2500)
    assert difference(before, driver.measure()) is None
    for model in ("v1", "v2"):
        driver.ensure(model, 1)
    driver.route(split(5000))
    assert driver.observe().routing == split(5000)


def test_a_restart_in_the_middle_of_a_step_keeps_the_split(site: HaproxySite) -> None:
    """While it is away that is told, and a step does not go on; afterwards it does."""
    driver = site.up("v1", "v2")
    driver.route(split(2500))
    site.balancer.kill()
    seen = driver.observe()
    assert (seen.routing, seen.router) == (split(2500), False)
    with pytest.raises(OutOfReach, match="does not answer") as told:
        driver.route(split(5000))
    assert "start HAProxy" in told.value.hint

    site.balancer.start()
    assert driver.observe().routing == split(2500)
    driver.ensure("v2", 1)
    driver.route(split(5000))


def test_without_the_file_a_reload_is_a_change_by_somebody_else(site: HaproxySite) -> None:
    """`persist: false` leaves the file alone: a reload brings back what it says, and a step forward sees that."""
    site.balancer.map.write_text("scorer any:v1:10000\n")
    site.balancer.reload()
    site.settings = {"nodes": [{"socket": site.balancer.socket, "map": str(site.balancer.map), "persist": False}]}
    driver = site.up("v1", "v2")
    driver.route(split(2500))
    assert site.balancer.map.read_text() == "scorer any:v1:10000\n"

    site.balancer.reload()

    with pytest.raises(RoutingRefused, match=r"it has v1 100%, mlship has set v2 25%, v1 75%"):
        driver.route(split(5000))


def test_other_lines_of_the_map_file_stay(site: HaproxySite) -> None:
    """Only the service's own line is replaced; the file keeps its mode, because HAProxy reads it, too."""
    site.balancer.map.write_text("# splits\nchurn any:a:10000\nscorer any:v1:10000\n")
    site.balancer.map.chmod(0o640)
    site.balancer.reload()

    site.up("v1", "v2").route(drawn(1000))

    assert site.balancer.map.read_text() == "# splits\nchurn any:a:10000\nscorer any:v2:1000:v1:10000\n"
    assert site.balancer.map.stat().st_mode & 0o777 == 0o640
    assert {file.name for file in site.balancer.folder.glob("*mlship.map*")} == {"mlship.map"}


def test_a_file_that_cannot_be_written_takes_the_change_back(site: HaproxySite) -> None:
    """A split that a reload would lose is not left live; a rollback stays live, and the trouble is told."""
    driver = site.up("v1", "v2")
    driver.route(split(1000))
    site.balancer.map.unlink()
    site.balancer.map.mkdir()

    with pytest.raises(OutOfReach, match=r"a reload would bring back the split before"):
        driver.route(split(5000))
    assert driver.observe().routing == split(1000)

    with pytest.raises(OutOfReach, match=r"cannot be written"):
        driver.insist(all_to("v1"))
    assert site.balancer.entry == "any:v1:10000"


def test_a_run_that_died_in_the_middle_is_explained(site: HaproxySite) -> None:
    """What it was about to set is no change by somebody else: the next one goes on from there."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    ledger = site.folder / "state" / "balancer" / "scorer" / "ledger.json"
    before = ledger.read_bytes()
    driver.route(drawn(2000))
    told = ledger.read_text().partition('"set":')[2].partition(',"intent"')[0]
    ledger.write_text(before.decode().replace('"intent":null', f'"intent":{told}'))

    next_one = site.open(2)

    assert next_one.observe().routing == drawn(2000)
    next_one.route(drawn(5000))


def test_another_machine_of_the_team_goes_on(site: HaproxySite) -> None:
    """It has the journal and no files: what the balancer does is what was asked, and the next step is taken."""
    site.up("v1", "v2").route(split(1000))

    there = site.open(2, machine="elsewhere", asked=split(1000))
    seen = there.observe()
    there.route(split(2000))

    assert seen.routing == split(1000)
    assert seen.models["v2"].ready == 1
    assert there.observe().routing == split(2000)


def test_another_machine_sees_what_others_have_changed(site: HaproxySite) -> None:
    """A journal is no reason to overwrite a hand's work."""
    site.up("v1", "v2").route(split(1000))
    site.balancer.api.ask(f"set map {site.balancer.map} scorer any:v2:5000:v1:10000")

    with pytest.raises(RoutingRefused, match="it has v2 50%, v1 50%, mlship has set v2 10%"):
        site.open(2, machine="elsewhere", asked=split(1000)).route(split(2000))
