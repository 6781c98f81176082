"""Changes that others make at the same time, answers that are lost, and replies that are not true."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from mlship.errors import OutOfReach, RoutingRefused
from mlship.plan.routing import all_to
from tests.drivers.rest.conftest import TEMPLATES, Bench
from tests.support.balanced_site import drawn
from tests.support.rest_stub import Plain, Product, Stub
from tests.support.site import until


def writes(stub: Stub) -> int:
    return sum(asked.startswith("PUT") for asked in stub.asked)


def test_weights_are_absolute_and_exact(bench: Bench, plain: Stub) -> None:
    """Steps of 0.01% of 10 000; the same one again is no request."""
    driver = bench.up(TEMPLATES, plain)
    driver.route(drawn(1))
    sent = writes(plain)
    driver.route(drawn(1))

    assert plain.product.weights == {"v1": 9999, "v2": 1}
    assert (driver.observe().routing, writes(plain)) == (drawn(1), sent)


def test_another_scale_of_the_same_shares_is_no_change(bench: Bench, plain: Stub) -> None:
    """Somebody divides all weights by what they have in common: users see nothing of it, and no step stops."""
    driver = bench.up(TEMPLATES, plain)
    driver.route(drawn(1000))
    plain.product.weights = {"v1": 9, "v2": 1}

    assert driver.observe().routing == drawn(1000)
    driver.route(drawn(2000))
    assert plain.product.weights == {"v1": 8000, "v2": 2000}


def test_a_change_by_somebody_else_stops_a_step_and_no_rollback(bench: Bench, plain: Stub) -> None:
    """Both values are told, and nothing is overwritten by a step forward."""
    driver = bench.up(TEMPLATES, plain)
    driver.route(drawn(1000))
    plain.product.weights = {"v1": 1, "v2": 1}

    with pytest.raises(RoutingRefused, match=r"it has v1 50%, v2 50%, mlship has set v2 10%, v1 90%"):
        driver.route(drawn(2000))
    assert plain.product.weights == {"v1": 1, "v2": 1}

    driver.insist(all_to("v1"))
    assert plain.product.weights == {"v1": 10000, "v2": 0}


def test_a_change_between_reading_and_writing_is_not_overwritten(bench: Bench, plain: Stub) -> None:
    """The token that was read is no longer good: somebody else's split stays, and is told."""
    driver = bench.up(TEMPLATES, plain)
    driver.route(drawn(1000))
    plain.faults, plain.raced = ["raced"], {"v1": 3, "v2": 7}

    with pytest.raises(RoutingRefused, match=r"changed .* meanwhile: it has v1 30%, v2 70%, and had v1 90%, v2 10%"):
        driver.route(drawn(2000))
    assert plain.product.weights == {"v1": 3, "v2": 7}


def test_a_new_version_of_the_same_split_is_no_conflict(bench: Bench, plain: Stub) -> None:
    """Something else of the document was changed: the step is sent again with the new token."""
    driver = bench.up(TEMPLATES, plain)
    plain.faults = ["raced"]

    driver.route(drawn(2000))

    assert plain.product.weights == {"v1": 8000, "v2": 2000}


def test_a_rollback_wins_over_others(bench: Bench, plain: Stub) -> None:
    """Whatever they make of it meanwhile; five times in a row is too often."""
    driver = bench.up(TEMPLATES, plain)
    driver.route(drawn(2000))
    plain.faults, plain.raced = ["raced"] * 3, {"v1": 0, "v2": 1}
    driver.insist(all_to("v1"))
    assert plain.product.weights == {"v1": 10000, "v2": 0}

    plain.faults = ["raced"] * 5
    with pytest.raises(OutOfReach, match="somebody else changes it all the time"):
        driver.insist(all_to("v1"))


@pytest.mark.parametrize("fault", ["lost", "cut"])
def test_an_answer_that_was_lost_is_settled_by_reading(bench: Bench, plain: Stub, fault: str) -> None:
    """Done or not done, a look tells; what was not done is sent again: weights are absolute."""
    driver = bench.up(TEMPLATES, plain)
    sent = writes(plain)
    plain.faults = [fault]

    driver.route(drawn(2000))

    assert plain.product.weights == {"v1": 8000, "v2": 2000}
    assert writes(plain) - sent == (1 if fault == "lost" else 2)


def test_a_gateway_that_gives_up_on_a_change_that_was_made(bench: Bench, plain: Stub) -> None:
    """504 is tried again with the token of before; that it is refused then means that the first try was carried out."""
    driver = bench.up(TEMPLATES, plain)
    plain.faults = ["late"]

    driver.route(drawn(2000))

    assert plain.product.weights == {"v1": 8000, "v2": 2000}
    assert driver.observe().routing == drawn(2000)


def test_answers_that_are_always_lost(bench: Bench, plain: Stub) -> None:
    """It does not go on for ever, and what was found is told."""
    driver = bench.up(TEMPLATES, plain)
    plain.faults = ["cut"] * 5

    with pytest.raises(OutOfReach, match=r"it says v1 100% instead of v1 80%, v2 20%"):
        driver.route(drawn(2000))
    assert plain.product.weights == {"v1": 10000, "v2": 0}


def test_busy_is_tried_again(bench: Bench, plain: Stub) -> None:
    """As often as the plan says."""
    driver = bench.up(TEMPLATES, plain)
    plain.faults = ["503", "503"]
    driver.route(drawn(2000))
    assert plain.product.weights == {"v1": 8000, "v2": 2000}

    hasty = bench.open(TEMPLATES, plain, retries=0)
    plain.faults = ["503"]
    with pytest.raises(OutOfReach, match="answers 503"):
        hasty.route(drawn(3000))


def test_a_status_of_200_proves_nothing(bench: Bench, plain: Stub) -> None:
    """What is said to be done, and is not, is refused; the split before stands."""
    driver = bench.up(TEMPLATES, plain)
    plain.faults = ["lie"]

    with pytest.raises(RoutingRefused, match=r"took the change, and it says v1 100% instead of v1 80%, v2 20%"):
        driver.route(drawn(2000))
    assert driver.observe().routing == all_to("v1")


def test_one_of_two_that_lies_takes_the_other_back(bench: Bench, serve: Callable[[Product], Stub]) -> None:
    """All nodes or none."""
    nodes = [serve(Plain(weights={"v1": 1, "v2": 0})) for _ in range(2)]
    driver = bench.up(TEMPLATES, *nodes)
    nodes[1].faults = ["lie"]

    with pytest.raises(RoutingRefused, match="the other nodes are as they were"):
        driver.route(drawn(2000))

    assert [node.product.weights["v2"] for node in nodes] == [0, 0]


def test_one_that_cannot_be_taken_back_is_told(bench: Bench, serve: Callable[[Product], Stub]) -> None:
    """The step has failed, and a node has it all the same; a rollback goes to every node."""
    nodes = [serve(Plain(weights={"v1": 1, "v2": 0})) for _ in range(2)]
    driver = bench.up(TEMPLATES, *nodes)
    nodes[0].faults, nodes[1].faults = ["", "400"], ["lie"]

    with pytest.raises(RoutingRefused, match=rf"127.0.0.1:{nodes[0].port} took the change and could not be taken back"):
        driver.route(drawn(2000))
    assert [node.product.weights["v2"] for node in nodes] == [2000, 0]

    driver.insist(all_to("v1"))
    assert [node.product.weights["v2"] for node in nodes] == [0, 0]


def test_a_rollback_waits_for_no_node_that_hangs(bench: Bench, serve: Callable[[Product], Stub]) -> None:
    """The others have it while the first one does not answer."""
    nodes = [serve(Plain(weights={"v1": 1, "v2": 0})) for _ in range(2)]
    driver = bench.up({**TEMPLATES, "timeout": "30s"}, *nodes)
    driver.route(drawn(2000))
    nodes[0].faults = ["hang"]
    rollback = threading.Thread(target=driver.insist, args=(all_to("v1"),))

    rollback.start()
    try:
        until(lambda: nodes[1].product.weights["v2"] == 0)
        assert nodes[0].product.weights["v2"] == 2000
    finally:
        nodes[0].released.set()
        rollback.join()
    assert nodes[0].product.weights["v2"] == 0


def test_the_first_routing_must_be_what_is_there(bench: Bench, plain: Stub) -> None:
    """A plan that takes the wrong model for live does not move the traffic of a running service."""
    plain.product.weights = {"v1": 0, "v2": 100}

    with pytest.raises(RoutingRefused, match=r"sends v2 100%, and the first routing would be v1 100%"):
        bench.up(TEMPLATES, plain)


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ({"v1": 1}, r"says no weight of v2"),
        ({"v1": 1, "v2": "many"}, r"v2: 'many' is no weight"),
        ({"v1": 1, "v2": -1}, r"v2: '-1' is no weight"),
    ],
)
def test_a_reply_that_tells_no_weights(bench: Bench, plain: Stub, weights: dict[str, object], told: str) -> None:
    """It is said of which model, and where to look."""
    plain.product.weights = weights

    with pytest.raises(OutOfReach, match=told) as error:
        bench.up(TEMPLATES, plain)
    assert "`read`" in error.value.hint


def test_weights_cannot_do_everything(bench: Bench, plain: Stub) -> None:
    """What the balancer cannot say is refused before it is asked."""
    driver = bench.up(TEMPLATES, plain)
    for routing in (all_to("v1", closed=True), drawn(5000).__class__(segments=(("v1", 10_000),), assign_by="x")):
        with pytest.raises(RoutingRefused, match="weights divide requests"):
            driver.route(routing)
    coarse = bench.open({**TEMPLATES, "scale": {"total": 100}}, plain)
    with pytest.raises(RoutingRefused, match=r"no whole weights of this balancer are v2 0\.5%, v1 99\.5%"):
        coarse.route(drawn(50))
