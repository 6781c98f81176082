"""What a Caddy forgets, and what others do to it meanwhile."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlship.drivers.balancer.caddy.node import CaddyNode
from mlship.drivers.balancer.node import Changed
from mlship.errors import OutOfReach, RoutingRefused
from mlship.metrics.counters import difference
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.caddy_site import CaddySite, caddy_site

pytestmark = pytest.mark.caddy


def node_of(site: CaddySite) -> CaddyNode:
    (node,) = site.open()._fleet.nodes
    assert isinstance(node, CaddyNode)
    return node


def test_a_change_by_somebody_else_stops_a_step_and_no_rollback(site: CaddySite) -> None:
    """Both values are told; nothing is overwritten by a step forward, and everything by the way back."""
    driver = site.up("v1", "v2")
    driver.route(drawn(1000))
    site.balancer.set_by_hand(v1=1, v2=1)

    assert dict(driver.observe().routing.weights) == {"v2": 5000, "v1": 5000}  # type: ignore[union-attr]
    with pytest.raises(RoutingRefused, match=r"it has v1 50%, v2 50%, mlship has set v2 10%, v1 90%"):
        driver.route(drawn(2000))
    assert site.balancer.weights == {"v1": 1, "v2": 1}

    driver.insist(all_to("v1"))
    assert driver.observe().routing == all_to("v1")


def test_a_list_that_is_too_short_is_seen(site: CaddySite) -> None:
    """Caddy takes fewer weights than servers, says 200, and sends the last one nothing: that is no split of ours."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    block = site.balancer.block
    block["routes"][0]["handle"][-1]["load_balancing"]["selection_policy"]["weights"] = [1]
    site.balancer.patch("", block)
    assert set(site.shares(20)) == {"v1"}

    with pytest.raises(RoutingRefused, match="somebody else has changed"):
        driver.route(drawn(2000))
    driver.insist(all_to("v1"))

    assert site.balancer.weights == {"v1": 1}


def test_a_change_is_made_over_what_was_read_or_not_at_all(site: CaddySite) -> None:
    """Of eight who start from the same split one wins; the others are told what is there now, and overwrite nothing."""
    site.up("v1", "v2")
    node, language = node_of(site), site.open()._language
    before = node.read()

    def swap(share: int) -> bool:
        try:
            node.swap(language.value_of(drawn(share)), before)
        except Changed:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = dict(zip(range(1000, 9000, 1000), pool.map(swap, range(1000, 9000, 1000)), strict=True))

    (winner,) = [share for share, first in won.items() if first]
    assert node.read() == language.value_of(drawn(winner))


def test_caddy_refuses_what_is_stale(site: CaddySite) -> None:
    """The tag that comes with the handler stands for it: after a change Caddy takes nothing by the old one."""
    site.up("v1", "v2")
    node = node_of(site)
    block, etag = node.block()
    site.balancer.set_by_hand(v2=1)

    reply = site.balancer.api.patch(f"/id/{node.id}", block, etag=etag)

    assert reply.status == 412
    assert site.balancer.weights == {"v2": 1}


def test_edits_of_something_else_are_not_lost(site: CaddySite) -> None:
    """Somebody works on the same handler all the time: the rollback comes through, and so do their edits."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    place = next(n for n, each in enumerate(site.balancer.block["routes"][0]["handle"]) if "upstreams" in each)
    path = f"/id/mlship-scorer/routes/0/handle/{place}/load_balancing/retries"
    stop, confirmed = threading.Event(), [0]

    def edit() -> None:
        for number in range(1, 100):
            # An answer of 0: Caddy started its endpoint anew before it had come.
            if stop.wait(0.005) or site.balancer.api.patch(path, number, etag="").status not in {0, 200}:  # type: ignore[arg-type]
                return
            confirmed.append(number)

    other = threading.Thread(target=edit)
    other.start()
    for _ in range(3):
        driver.insist(drawn(5000))
        driver.insist(all_to("v1"))
    stop.set()
    other.join()

    assert site.balancer.weights == {"v1": 1}
    assert site.balancer.proxy["load_balancing"]["retries"] in confirmed[-2:]
    assert len(confirmed) > 3


def test_the_first_routing_must_be_what_is_there(site: CaddySite) -> None:
    """A plan that takes the wrong model for live does not move the traffic of a running service."""
    site.balancer.set_by_hand(v2=1)
    driver = site.open()
    driver.ensure("v1", 1)

    with pytest.raises(RoutingRefused, match=r"sends v2 100%, and the first routing would be v1 100%"):
        driver.route(all_to("v1"))
    driver.ensure("v2", 1)
    driver.route(all_to("v2"))

    assert driver.observe().routing == all_to("v2")


def test_a_restart_in_the_middle_of_a_step_keeps_the_split(site: CaddySite) -> None:
    """Told to resume, Caddy has it again; while it is away that is told, and a step does not go on."""
    driver = site.up("v1", "v2")
    driver.route(drawn(2500))
    before = driver.measure()
    site.balancer.kill()
    seen = driver.observe()
    assert (seen.routing, seen.router) == (drawn(2500), False)
    with pytest.raises(OutOfReach, match="does not answer") as told:
        driver.route(drawn(5000))
    assert "start Caddy" in told.value.hint

    site.balancer.start()

    assert driver.observe().routing == drawn(2500)
    assert difference(before, driver.measure()) is None
    driver.route(drawn(5000))
    assert driver.observe().routing == drawn(5000)


def test_without_resume_a_restart_is_a_change_towards_safety() -> None:
    """It comes back with what its file says, the live model alone; a step forward sees that, a rollback ends it."""
    with caddy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance(resumes=False)
        driver = site.up("v1", "v2")
        driver.route(drawn(5000))
        site.balancer.kill()
        site.balancer.start()

        assert set(site.shares(20)) == {"v1"}
        with pytest.raises(RoutingRefused, match=r"it has v1 100%, mlship has set v2 50%, v1 50%"):
            driver.route(drawn(7500))
        driver.insist(all_to("v1"))
        driver.route(drawn(2500))


def test_a_reload_in_the_middle_of_a_step_is_seen(site: CaddySite) -> None:
    """`caddy reload` loads what the file says, and that is the live model alone: no step goes on from there unseen."""
    driver = site.up("v1", "v2")
    driver.route(drawn(2500))
    site.shares(20)
    before = driver.measure()

    site.balancer.reload()

    assert driver.observe().routing == all_to("v1")
    with pytest.raises(RoutingRefused, match="it has v1 100%"):
        driver.route(drawn(5000))
    site.shares(10)
    grown = difference(before, driver.measure())
    assert grown
    assert grown["v1"].requests == 10


def test_a_reload_of_a_file_that_says_the_same_changes_nothing(site: CaddySite) -> None:
    """An owner who keeps the split in the file, too, may reload in the middle of a step."""
    driver = site.up("v1", "v2")
    driver.route(drawn(2500))
    site.balancer.file.write_text(json.dumps(json.loads(site.balancer.api.get("/config/").text)))

    site.balancer.reload()

    assert driver.observe().routing == drawn(2500)
    driver.route(drawn(5000))


@pytest.mark.parametrize(
    ("policy", "named"),
    [
        ({"policy": "least_conn"}, "least_conn"),
        ({"policy": "cookie", "name": "lb", "fallback": {"policy": "ip_hash"}}, "ip_hash"),
    ],
)
def test_a_policy_without_weights_stops_a_share_and_no_rollback(site: CaddySite, policy: object, named: str) -> None:
    """It cannot divide users between models: a step is refused and touches nothing. One model needs no weights."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    site.balancer.set_policy(policy)
    block = site.balancer.block

    for act in (driver.route, driver.insist):
        with pytest.raises(RoutingRefused, match=f"policy {named} has no weights") as told:
            act(drawn(7500))
    assert "weighted_round_robin" in told.value.hint
    assert site.balancer.block == block

    driver.insist(all_to("v1"))
    assert [each["dial"] for each in site.balancer.proxy["upstreams"]] == [site.addresses["v1"]]
    assert site.balancer.proxy["load_balancing"]["selection_policy"] == policy
    assert set(site.shares(20)) == {"v1"}
    assert (driver.observe().routing, driver.observe().router) == (all_to("v1"), True)

    with pytest.raises(RoutingRefused, match=f"policy {named} has no weights"):
        driver.route(drawn(1000))
    assert driver.observe().routing == all_to("v1")


def test_a_handler_that_was_made_something_else(site: CaddySite) -> None:
    """One that proxies nothing mlship cannot change: that is told, by the step as by the way back."""
    driver = site.up("v1", "v2")
    block = site.balancer.block
    block["routes"][0]["handle"] = [{"handler": "static_response", "body": "gone"}]
    site.balancer.patch("", block)

    for act in (driver.route, driver.insist):
        with pytest.raises(RoutingRefused, match="has 0 handlers `reverse_proxy`"):
            act(all_to("v2"))
    assert site.balancer.block == block
