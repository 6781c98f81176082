"""Shipped templates of products that are not at hand, against servers that are strict about documented shapes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlship.errors import OutOfReach, RoutingRefused
from mlship.plan.routing import all_to
from tests.drivers.rest.conftest import Bench, shipped
from tests.support.balanced_site import drawn
from tests.support.rest_stub import Apisix, Dataplane, Kong, Product, Stub

Serve = Callable[[Product], Stub]


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KONG_TOKEN", "kong-secret")
    monkeypatch.setenv("APISIX_KEY", "apisix-secret")
    monkeypatch.setenv("DATAPLANE_USER", "mlship")
    monkeypatch.setenv("DATAPLANE_PASSWORD", "dataplane-secret")


def test_kong(bench: Bench, serve: Serve) -> None:
    """A weight for each target; what rises comes first."""
    one, two, three = (*bench.servers["v1"], *bench.servers["v2"])
    kong = serve(Kong(weights={one: 100, two: 100, three: 0}))
    driver = bench.up(shipped("kong"), kong)

    driver.route(drawn(1000))

    first, second, third = (kong.product.weights[server] for server in (one, two, three))
    assert (first, second) == (first, first)
    assert third / (first + second + third) == 0.1
    assert driver.observe().routing == drawn(1000)
    driver.insist(all_to("v2"))
    assert (kong.product.weights[one], kong.product.weights[two]) == (0, 0)
    assert kong.asked[-4].endswith(three.replace(":", "%3A"))


def test_kong_refuses_half_way(bench: Bench, serve: Serve) -> None:
    """What was taken before is taken back, inside the node; a rollback goes on with the others."""
    one, two, three = (*bench.servers["v1"], *bench.servers["v2"])
    kong = serve(Kong(weights={one: 100, two: 100, three: 0}))
    driver = bench.up(shipped("kong"), kong)
    before = dict(kong.product.weights)
    kong.faults = ["", "400"]

    with pytest.raises(RoutingRefused, match=r"answers 400 to PATCH .*; what it had taken is taken back"):
        driver.route(drawn(5000))
    assert {name: weight > 0 for name, weight in kong.product.weights.items()} == {
        name: weight > 0 for name, weight in before.items()
    }
    assert driver.observe().routing == all_to("v1")

    driver.route(drawn(5000))
    kong.faults = ["400"]
    with pytest.raises(RoutingRefused, match="answers 400"):
        driver.insist(all_to("v1"))
    assert kong.product.weights[three] == 0


def test_apisix(bench: Bench, serve: Serve) -> None:
    """A route without a split gets one; its other plugins stay."""
    apisix = serve(Apisix())
    driver = bench.up(shipped("apisix"), apisix)
    assert apisix.product.weights == {"v1": 1000, "v2": 0}

    driver.route(drawn(100))

    assert apisix.product.weights == {"v1": 990, "v2": 10}
    assert driver.observe().routing == drawn(100)


def test_the_data_plane_api(bench: Bench, serve: Serve) -> None:
    """One entry tells both shares; two nodes, and one of them dead: forward none, back the other."""
    nodes = [serve(Dataplane(weights={"v2": 0})) for _ in range(2)]
    driver = bench.up(shipped("dataplaneapi"), *nodes)

    driver.route(drawn(1))
    assert [node.product.weights for node in nodes] == [{"v2": 1}, {"v2": 1}]
    assert driver.observe().routing == drawn(1)

    # Another one that takes no change any more: each attempt is refused, and those of the retries.
    nodes[1].faults = ["503"] * 3
    with pytest.raises(OutOfReach, match=r"answers 503, the other nodes are as they were"):
        driver.route(drawn(5000))
    assert [node.product.weights for node in nodes] == [{"v2": 1}, {"v2": 1}]

    nodes[1].faults = ["503"] * 3
    with pytest.raises(OutOfReach, match=rf"answers 503; done on {nodes[0].url}"):
        driver.insist(all_to("v1"))
    assert [node.product.weights for node in nodes] == [{"v2": 0}, {"v2": 1}]
    driver.insist(all_to("v1"))
    assert [node.product.weights for node in nodes] == [{"v2": 0}, {"v2": 0}]


def test_the_data_plane_api_writes_the_file_with_each_change(bench: Bench, serve: Serve) -> None:
    """Steps and rollbacks alike: what a reload of HAProxy brings back is what it has."""
    product = Dataplane(weights={"v2": 0}, file={"v2": 0})
    driver = bench.up(shipped("dataplaneapi"), serve(product))

    driver.route(drawn(5000))
    assert product.file == product.weights == {"v2": 5000}
    driver.insist(all_to("v1"))
    assert product.file == product.weights == {"v2": 0}


def test_a_wrong_login(bench: Bench, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once, without a retry, and the secret that was sent is not shown although the server repeats it."""
    monkeypatch.setenv("KONG_TOKEN", "hunter2-of-mine")
    kong = serve(Kong(weights={}))

    with pytest.raises(OutOfReach, match="answers 401") as told:
        bench.up(shipped("kong"), kong)

    assert len(kong.asked) == 1
    assert "auth" in told.value.hint
    assert "hunter2" not in f"{told.value.message} {told.value.hint}"
