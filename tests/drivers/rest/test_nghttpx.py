"""nghttpx, whose API takes anything and tells nothing: what it does is seen as users see it."""

from __future__ import annotations

import http.client

import pytest

from mlship.errors import OutOfReach, RoutingRefused
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.rest_site import NghttpxSite

pytestmark = [pytest.mark.nghttpx, pytest.mark.load]


def put(site: NghttpxSite, body: str) -> int:
    """Somebody else uses the API; the status of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", site.balancer.api, timeout=10)
    try:
        connection.request("PUT", "/api/v1beta1/backendconfig", body=body.encode())
        return connection.getresponse().status
    finally:
        connection.close()


def backend(site: NghttpxSite, model: str) -> str:
    host, _, port = site.addresses[model].partition(":")
    return f"backend={host},{port};/;group={model};group-weight=1\n"


def test_nonsense_is_answered_with_200_and_found_out(nghttpx: NghttpxSite) -> None:
    """nghttpx says "Success", and users get 502: the step is refused, and the right words bring them back."""
    driver = nghttpx.up("v1", "v2")
    assert put(nghttpx, "nonsense=1") == 200
    assert {nghttpx.ask().status for _ in range(5)} == {502}
    with pytest.raises(OutOfReach, match="nobody of the plan answers 40 of 40"):
        driver.route(drawn(5000))
    driver.insist(all_to("v1"))
    assert nghttpx.ask().status == 200

    write = {"request": {**nghttpx.templates["write"]["request"], "lines": "nonsense=1"}}
    nghttpx.settings = {"write": write}
    with pytest.raises(RoutingRefused, match=r"took the change, and of 40 requests were answered by .*nobody 40"):
        nghttpx.open().route(drawn(5000))


def test_a_change_by_somebody_else_is_seen_by_a_probe(nghttpx: NghttpxSite) -> None:
    """Its API tells nothing, its answers do: the next step stops, and a rollback does not."""
    driver = nghttpx.up("v1", "v2")
    driver.route(drawn(1000))
    assert put(nghttpx, backend(nghttpx, "v2")) == 200

    with pytest.raises(RoutingRefused, match=r"it has v2 100%, mlship has set v2 10%, v1 90%"):
        driver.route(drawn(2000))
    driver.insist(all_to("v1"))

    assert nghttpx.shares(100)["v2"] == 0


def test_a_restart_in_the_middle_of_a_step(nghttpx: NghttpxSite) -> None:
    """nghttpx forgets what its API was told: that is no peace, and one more call ends it."""
    driver = nghttpx.up("v1", "v2")
    driver.route(drawn(5000))
    nghttpx.balancer.kill()
    with pytest.raises(OutOfReach, match="does not answer"):
        driver.route(drawn(2500))

    nghttpx.balancer.start()

    with pytest.raises(RoutingRefused, match=r"it has v1 100%, mlship has set v2 50%, v1 50%"):
        driver.route(drawn(2500))
    driver.insist(drawn(5000))
    assert nghttpx.shares(100)["v2"] > 20


def test_two_of_them_and_one_is_dead(nghttpx: NghttpxSite) -> None:
    """Forward none of them is changed; back, whoever answers, and the other one by a further call."""
    driver = nghttpx.up("v1", "v2")
    driver.route(drawn(5000))
    other = nghttpx.balancers[1]
    other.kill()

    with pytest.raises(OutOfReach, match=f"{other.users} does not answer"):
        driver.route(drawn(2500))
    assert nghttpx.shares(60)["v2"] > 10
    with pytest.raises(OutOfReach, match=f"{other.url} does not answer.*; done on"):
        driver.insist(all_to("v1"))
    assert nghttpx.shares(60)["v2"] == 0

    other.start()
    driver.insist(all_to("v1"))
    assert (driver.observe().routing, driver.observe().router) == (all_to("v1"), True)
