"""Apache's balancer-manager, which answers 200 to everything: what it does is read back."""

from __future__ import annotations

import pytest

from mlship.errors import OutOfReach, RoutingRefused
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.rest_site import ApacheSite, apache_site
from tests.support.site import ask

pytestmark = [pytest.mark.apache, pytest.mark.load]


def test_a_wrong_nonce_is_ignored_and_found_out(apache: ApacheSite) -> None:
    """Apache answers 200, and does nothing: the step is refused."""
    apache.up("v1", "v2")
    write = apache.templates["write"]
    for key in ("request", "request-zero"):
        write[key] = {**write[key], "form": {**write[key]["form"], "nonce": "00000000-0000-0000-0000-000000000000"}}
    apache.settings = {"write": write}

    with pytest.raises(RoutingRefused, match=r"took the change, and it says v1 100% instead of v1 50%, v2 50%"):
        apache.open().route(drawn(5000))
    assert apache.shares(20)["v2"] == 0


def test_a_weight_that_is_too_large_is_ignored_and_found_out(apache: ApacheSite) -> None:
    """A person's w_lf of 1000 is answered with 200, and ignored; a plan whose scale allows it does not get through."""
    driver = apache.up("v1", "v2")
    assert apache.balancer.manage(apache.addresses["v2"], w_lf="1000", w_status_D="0") == 200
    driver.insist(all_to("v1"))
    apache.settings = {"scale": {"unit": "server", "total": 10000, "max": 1000}}

    with pytest.raises(RoutingRefused, match="took the change, and it says"):
        apache.open().route(drawn(50))
    assert driver.observe().routing == all_to("v1")


def test_a_hand_at_its_page_stops_a_step_and_no_rollback(apache: ApacheSite) -> None:
    """Both values are told."""
    driver = apache.up("v1", "v2")
    driver.route(drawn(1000))
    for name in ("v1", "v2"):
        apache.balancer.manage(apache.addresses[name], w_lf="33.5", w_status_D="0")

    with pytest.raises(RoutingRefused, match=r"it has v1 50%, v2 50%, mlship has set v2 10%, v1 90%"):
        driver.route(drawn(2000))
    driver.insist(all_to("v1"))

    assert driver.observe().routing == all_to("v1")


def test_a_reload_and_a_restart_in_the_middle_of_a_step_keep_the_split(apache: ApacheSite) -> None:
    """`BalancerPersist` brings it back; while Apache is away that is told, and a step does not go on."""
    driver = apache.up("v1", "v2")
    driver.route(drawn(2500))
    apache.balancer.reload()
    assert driver.observe().routing == drawn(2500)
    driver.route(drawn(5000))

    apache.balancer.stop()
    seen = driver.observe()
    assert (seen.routing, seen.router) == (drawn(5000), False)
    apache.balancer.start()
    assert driver.observe().routing == drawn(5000)
    driver.route(drawn(2500))


def test_a_member_that_is_missing(apache: ApacheSite) -> None:
    """A server of the plan that is no BalancerMember is told by its address, and by `doctor`."""
    apache.serve("v3")

    with pytest.raises(OutOfReach, match=f"says no weight of {apache.addresses['v3']}"):
        apache.up("v1", "v2")
    troubles = list(apache.open(None).troubles(fence=1, held=False))
    assert [apache.addresses["v3"] in trouble.message for trouble in troubles] == [True, True]


def test_two_of_them_and_one_is_dead(apache: ApacheSite) -> None:
    """Forward none of them is changed; back, whoever answers, and the other one by a further call."""
    driver = apache.up("v1", "v2")
    driver.route(drawn(5000))
    other = apache.balancers[1]
    other.stop()

    with pytest.raises(OutOfReach, match=f"{other.url} does not answer"):
        driver.route(drawn(2500))
    assert apache.shares(60)["v2"] > 10
    with pytest.raises(OutOfReach, match=f"{other.url} does not answer.*; done on"):
        driver.insist(all_to("v1"))
    assert apache.shares(60)["v2"] == 0

    other.start()
    driver.insist(all_to("v1"))
    assert (driver.observe().routing, driver.observe().router) == (all_to("v1"), True)


def test_a_split_that_is_taken_half_way_is_taken_back(apache: ApacheSite) -> None:
    """Two requests for one split, of which Apache takes the first and ignores the second, which names nobody."""
    apache.up("v1", "v2")
    write = apache.templates["write"]
    who = "http://{{each.model == 'v1' && 'nobody:1' || each.address}}"
    write["request"] = {**write["request"], "form": {**write["request"]["form"], "w": who}}
    apache.settings = {"write": write}
    driver = apache.open()

    halves = r"it says v1 5\d\S+%, v2 4\d\S+% instead of v1 25%, v2 75%, the other nodes are as they were"
    with pytest.raises(RoutingRefused, match=halves):
        driver.route(drawn(7500))
    assert driver.observe().routing == all_to("v1")
    assert [ask(each.port).told["model"] for each in apache.balancers for _ in range(20)] == ["v1"] * 40


@pytest.mark.parametrize("persists", [True, False])
def test_what_a_restart_forgets_is_seen(*, persists: bool) -> None:
    """Without `BalancerPersist`, or killed: Apache has what its file says, no step goes on from there unseen."""
    with apache_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance()
        if not persists:
            site.balancer.conf.write_text(site.balancer.conf.read_text().replace("Persist On", "Persist Off"))
            site.balancer.reload()
        driver = site.up("v1", "v2")
        driver.route(drawn(2500))
        if persists:
            site.balancer.kill()
        else:
            site.balancer.stop()
        site.balancer.start()

        assert driver.observe().routing == all_to("v1")
        with pytest.raises(RoutingRefused, match=r"it has v1 100%, mlship has set v2 25%, v1 75%"):
            driver.route(drawn(5000))
        driver.insist(drawn(2500))
        driver.route(drawn(5000))
        assert driver.observe().routing == drawn(5000)
