"""What every driver promises, whatever its backend."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest
from msgspec.structs import replace

from mlship.drivers.base import Driver, Observed, ObservedModel
from mlship.errors import LeaseLost, MlshipError, ModelNotReady, OutOfReach
from mlship.metrics.counters import LATENCY_EDGES, difference
from mlship.plan.model import Capability
from mlship.plan.routing import Routing, all_to
from mlship.plan.rule import Condition, Part, Rule, header_is
from tests.contracts.world import World

SPLIT = Routing(
    segments=(("v2", 2500), ("v1", 7500)),
    rules=(
        Rule(model="v1", when=(Condition(part=Part.COOKIE, name="ring", pattern="out.*"),)),
        header_is("x-preview", "yes", "v2"),
        Rule(model="v2", when=(Condition(part=Part.USER, values=("ann", "bob")),)),
        Rule(model="v2", when=(Condition(part=Part.QUERY, name="beta", absent=True),), share=100),
    ),
    assign_by="x-user",
    salt="rollout-1",
)


def split(driver: Driver) -> Routing:
    """The split, as much of it as the driver can do: all rules, a balancer's one, or weights alone."""
    keeps_users, own = Capability.STICKY in driver.capabilities, Capability.REPLICAS in driver.capabilities
    # An endpoint of SageMaker follows no rule but its own header.
    if Capability.MATCH not in driver.capabilities or (own and not keeps_users):
        return replace(SPLIT, rules=(), assign_by=None, salt="")
    if own:
        return SPLIT
    fewer = replace(SPLIT, rules=SPLIT.rules[1:2])
    return fewer if keeps_users else replace(fewer, assign_by=None, salt="")


def up(world: World, *models: str) -> Driver:
    """A driver with a replica of each model, everything on the first."""
    driver = world.open(1)
    for model in models:
        driver.ensure(model, 1)
    driver.route(all_to(models[0]))
    return driver


def test_nothing_is_there_at_first(world: World) -> None:
    """A service that never was has no routing, no models and no router; looking at it leaves no trace."""
    seen = world.open(None).observe()

    assert (seen.routing, seen.models, seen.router) == (None, {}, False)


def test_replicas(world: World) -> None:
    """`ensure` brings a model to the number asked for, up and down, each replica ready."""
    driver = world.open(1)
    if Capability.REPLICAS not in driver.capabilities:
        pytest.skip("this driver starts no replicas")
    for number in (1, 3, 2):
        driver.ensure("v1", number)
        assert driver.observe().models == {"v1": ObservedModel(running=number, ready=number)}


def test_routing_is_read_back(world: World) -> None:
    """`observe` tells the routing that was made live, whole, in another process as well."""
    driver = up(world, "v1", "v2")
    driver.route(split(driver))
    seen = world.open(None).observe()

    assert (seen.routing, seen.router) == (split(driver), True)
    assert seen.address


def test_every_verb_may_be_repeated(world: World) -> None:
    """The same call again changes nothing."""
    driver = up(world, "v1", "v2")
    driver.route(split(driver))
    before = driver.observe()
    driver.ensure("v1", 1)
    driver.route(split(driver))
    assert driver.observe() == before

    driver.route(all_to("v1"))
    for _ in range(2):
        driver.retire("v2")
    assert set(driver.observe().models) == {"v1"}


def test_a_sick_model_leaves_nothing(world: World) -> None:
    """A model that does not get ready is told by name; nothing of it runs on, and the routing stands."""
    driver = up(world, "v1")
    with pytest.raises(ModelNotReady, match="sick"):
        driver.ensure("sick", 1)

    assert driver.observe() == Observed(
        routing=all_to("v1"),
        models={"v1": ObservedModel(running=1, ready=1)},
        router=True,
        address=driver.observe().address,
    )


@pytest.mark.parametrize(
    "act",
    [
        lambda driver: driver.ensure("v2", 1),
        lambda driver: driver.route(all_to("v2")),
        lambda driver: driver.retire("v1"),
        lambda driver: driver.shutdown(),
    ],
    ids=["ensure", "route", "retire", "shutdown"],
)
def test_the_higher_fence_wins(world: World, act: Callable[[Driver], None]) -> None:
    """Once a later run has opened the service, an older one changes nothing any more."""
    old = up(world, "v1")
    new = world.open(2)
    before = new.observe()
    with pytest.raises(LeaseLost):
        act(old)

    assert new.observe() == before
    new.ensure("v2", 1)
    new.route(all_to("v2"))


def test_a_lower_fence_cannot_open(world: World) -> None:
    """A run that comes late does not get the service."""
    world.open(2)
    with pytest.raises(LeaseLost):
        world.open(1)


def test_looking_only(world: World) -> None:
    """Opened without a fencing number a driver can look, and change nothing."""
    up(world, "v1")
    looking = world.open(None)
    with pytest.raises(LeaseLost):
        looking.route(all_to("v1"))

    assert looking.observe().routing == all_to("v1")
    assert looking.measure().models is not None


def test_counters(calm: World) -> None:
    """Counters grow with the traffic, per model and bucket, and are all of one life of the router."""
    driver = up(calm, "v1")
    if Capability.COUNTERS not in driver.capabilities:
        pytest.skip("this driver counts nothing")
    before = driver.measure()
    calm.traffic()
    after = driver.measure()
    grown = difference(before, after)

    assert grown is not None
    assert grown["v1"].requests > 0
    assert grown["v1"].errors == 0
    assert len(grown["v1"].latency) == len(LATENCY_EDGES) + 1
    assert sum(grown["v1"].latency) == grown["v1"].requests


def test_a_router_that_died(world: World) -> None:
    """The routing comes back with the router; the counters are of another life and never negative."""
    driver = up(world, "v1", "v2")
    routing = split(driver)
    driver.route(routing)
    world.traffic()
    before = driver.measure()
    world.kill_router()
    seen = driver.observe()
    assert (seen.routing, seen.router) == (routing, False)
    counts = Capability.COUNTERS in driver.capabilities
    with pytest.raises(OutOfReach) if counts else nullcontext():
        driver.measure()

    world.revive_router()
    driver.route(routing)
    assert (driver.observe().routing, driver.observe().router) == (routing, True)
    assert difference(before, driver.measure()) is None or not counts


def test_closing(world: World) -> None:
    """A closed service needs no model; it opens again on another one."""
    driver = up(world, "v1")
    if Capability.CLOSE not in driver.capabilities:
        pytest.skip("this driver has no door to close")
    driver.route(replace(all_to("v1"), closed=True))
    driver.retire("v1")
    driver.ensure("v2", 1)
    driver.route(all_to("v2"))

    assert driver.observe().routing == all_to("v2")
    assert set(driver.observe().models) == {"v2"}


def test_shutdown(world: World) -> None:
    """Afterwards nothing of the service is left, and it can begin anew."""
    driver = up(world, "v1", "v2")
    for _ in range(2):
        driver.shutdown()
    seen = driver.observe()
    assert (seen.routing, seen.models, seen.router) == (None, {}, False)

    driver.ensure("v1", 1)
    driver.route(all_to("v1"))
    assert driver.observe().router


def test_errors_help(world: World) -> None:
    """What a driver cannot do it says in one line, with a hint."""
    with pytest.raises(MlshipError) as refused:
        world.open(1).ensure("sick", 1)

    assert refused.value.hint
    assert "\n" not in refused.value.message
