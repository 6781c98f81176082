"""What a Caddy answers at its admin API: a 200 is no proof, a refusal leaves what was, and who is not there is told."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlship.drivers.balancer.caddy.block import Split, encoded
from mlship.errors import MlshipError, OutOfReach, RoutingRefused
from mlship.plan.routing import all_to
from tests.support.balanced_site import drawn
from tests.support.caddy_site import CaddySite, caddy_site
from tests.support.rights import nobody, open_to
from tests.support.site import until

pytestmark = pytest.mark.caddy


@pytest.mark.parametrize("weights", [(("127.0.0.1:1", -1),), (("127.0.0.1:1", 0), ("127.0.0.1:2", 0))])
def test_what_caddy_refuses_leaves_what_was(site: CaddySite, weights: tuple[tuple[str, int], ...]) -> None:
    """Weights that are none come back in Caddy's own words, and everybody is served as before."""
    driver = site.up("v1", "v2")
    (node,) = driver._fleet.nodes

    with pytest.raises(RoutingRefused, match=r"did not take the split: .*positive weight"):
        node.write(encoded(Split(servers=weights)))

    assert site.balancer.weights == {"v1": 1}
    assert site.ask().model == "v1"


@pytest.mark.parametrize("weights", [["many"], "9", [0.5], {"v1": 1}])
def test_weights_of_a_wrong_type_leave_what_was(site: CaddySite, weights: object) -> None:
    """Caddy refuses them itself, whoever sends them: the list before goes on."""
    driver = site.up("v1", "v2")
    driver.route(drawn(5000))
    place = next(n for n, each in enumerate(site.balancer.block["routes"][0]["handle"]) if "upstreams" in each)
    path = f"/id/mlship-scorer/routes/0/handle/{place}/load_balancing/selection_policy/weights"

    reply = site.balancer.api.patch(path, weights, etag="")  # type: ignore[arg-type]

    assert reply.status >= 400
    assert site.balancer.weights == {"v1": 1, "v2": 1}
    assert driver.observe().routing == drawn(5000)
    assert set(site.shares(20)) == {"v1", "v2"}


def test_an_id_that_caddy_does_not_have(site: CaddySite) -> None:
    """The configuration lacks the handler; which one is said."""
    site.settings = {"id": "mlship-other"}

    with pytest.raises(RoutingRefused, match="has no handler with the id mlship-other") as told:
        site.open().route(all_to("v1"))

    assert "mlship init --driver caddy" in told.value.hint


def test_an_admin_api_over_tcp() -> None:
    """It takes the same requests."""
    with caddy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance(over_tcp=True)
        driver = site.up("v1", "v2")
        driver.route(drawn(5000))

        assert site.balancer.weights == {"v1": 1, "v2": 1}
        site.shares(10)
        until(lambda: driver.measure().models["v2"].requests >= 0)


def test_endpoints_that_lead_nowhere(site: CaddySite) -> None:
    """A socket that is missing, a port that nobody listens at, and a Caddy that hangs are told apart, with a hint."""

    def trouble(admin: str) -> MlshipError:
        site.settings = {"nodes": [{"admin": admin, "log": str(site.balancer.log)}]}
        with pytest.raises(OutOfReach) as told:
            site.open().measure()
        return told.value

    missing = trouble("/nowhere/admin.sock")
    closed = trouble("127.0.0.1:1")
    assert site.balancer.process
    os.kill(site.balancer.process.pid, signal.SIGSTOP)
    hung = trouble(site.balancer.admin)
    os.kill(site.balancer.process.pid, signal.SIGCONT)

    assert "No such file" in missing.message
    assert "refused" in closed.message
    assert "does not answer within 3 s" in hung.message
    assert all(each.hint for each in (missing, closed, hung))


def test_rights_to_a_socket_outlast_a_change_only_in_the_configuration() -> None:
    """Caddy makes the socket anew with each change, and a chmod is gone then: `doctor` tells before, a step after."""
    with caddy_site() as site:
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance()
        driver = site.up("v1", "v2")
        open_to(site.folder)
        Path(site.balancer.admin).chmod(0o666)
        with nobody():
            (trouble,) = driver.troubles(fence=1, held=False)
            with pytest.raises(OutOfReach, match=r"admin.sock does not answer: Permission denied") as told:
                driver.route(drawn(1000))

        assert (trouble.mark, "admin.sock anew with the next change" in trouble.message) == ("FAIL", True)
        assert trouble.hint == told.value.hint
        assert "admin.sock|0660" in told.value.hint
        assert driver.observe().routing == drawn(1000)


@pytest.mark.parametrize("over_tcp", [True, False])
def test_the_endpoint_starts_anew_with_each_change(*, over_tcp: bool) -> None:
    """Others change the configuration all the time: every question about ours is answered all the same."""
    with caddy_site() as site:
        site.serve("v1")
        site.balance(over_tcp=over_tcp)
        driver = site.up("v1")

        def change(number: int) -> int:
            at = "/id/mlship-scorer/routes/0/handle/3/load_balancing/retries"
            return site.balancer.api.patch(at, 3 + number, etag="").status  # type: ignore[arg-type]

        with ThreadPoolExecutor(1) as pool:
            others = [pool.submit(change, number) for number in range(60)]
            while not all(other.done() for other in others):
                assert driver.observe().router
        # The answer to a change may be lost as that to a question.
        assert {other.result() for other in others} <= {200, 0}
        assert driver.observe().routing == all_to("v1")
