"""The made-up world as a driver: what it does with a routing, and what can be read of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from mlship.clock import ManualClock
from mlship.drivers.simulated.reading import Cast, build_world
from mlship.drivers.simulated.world import SimulatedWorld
from mlship.errors import ModelNotReady, OutOfReach, RoutingRefused
from mlship.metrics.counters import difference
from mlship.metrics.rewards import Asked
from mlship.plan.model import Model
from mlship.plan.outcome import Kind, Metric
from mlship.plan.routing import WHOLE, Capture, Mirror, Routing, all_to
from tests.strategies.plans import plan

PLAN = plan(models={name: Model(name=name, replicas=2) for name in ("v1", "v2")})
HALF = Routing(segments=(("v2", 5000), ("v1", 5000)))


def made(clock: ManualClock, *, assign_by: str | None = None, **document: Any) -> SimulatedWorld:
    world = build_world(document, Cast(models=("v1", "v2"), live="v1", candidate="v2"))
    of = replace(PLAN, assign_by=assign_by)
    return SimulatedWorld(world, of, live="v1", clock=clock, rng=np.random.default_rng(7))


def split(clock: ManualClock, **document: Any) -> SimulatedWorld:
    world = made(clock, **document)
    world.ensure("v2", 2)
    world.route(HALF)
    return world


def test_live_has_served_before() -> None:
    """The counters know its history; none of it counts as the rollout's."""
    world = made(ManualClock(), history="10m", models={"live": {"errors": "10%"}})
    (tally,) = world.measure().models.values()

    assert tally.requests == pytest.approx(60_000, rel=0.02)
    assert tally.errors == pytest.approx(6000, rel=0.1)
    assert sum(tally.latency) == tally.requests
    assert world.ledger.requests == 0
    assert world.observe().routing == all_to("v1")


def test_requests_follow_the_routing() -> None:
    """Counters only grow, and by the weights at the time."""
    clock = ManualClock()
    world = split(clock)
    before = world.measure()
    clock.sleep(100.0)
    middle = world.measure()
    world.route(Routing(segments=(("v2", WHOLE),)))
    clock.sleep(100.0)
    first, second = difference(before, middle), difference(middle, world.measure())

    assert first is not None
    assert second is not None
    assert [first[name].requests for name in ("v1", "v2")] == pytest.approx([5000, 5000], rel=0.1)
    assert second["v1"].requests == 0
    assert second["v2"].requests == pytest.approx(10_000, rel=0.1)
    assert world.ledger.tried == first["v2"].requests + second["v2"].requests
    assert world.ledger.requests == world.ledger.tried + first["v1"].requests


def test_the_same_look_brings_nothing_new() -> None:
    """Without time nothing happens."""
    world = split(ManualClock())

    assert world.measure().models == world.measure().models


def test_an_outage_hides_the_numbers_and_loses_none() -> None:
    """What happened meanwhile is read afterwards."""
    clock = ManualClock()
    world = split(clock, outages=[{"from": "10s", "for": "20s"}], history="0s")
    clock.sleep(15.0)
    with pytest.raises(OutOfReach):
        world.measure()
    with pytest.raises(OutOfReach):
        world.look("v1", {"v2": WHOLE}, 0.0)
    with pytest.raises(OutOfReach):
        world.rewards(Metric(name="conversion"), Asked(arms=("v1",), since=0.0), "")
    clock.sleep(15.0)

    assert sum(tally.requests for tally in world.measure().models.values()) == pytest.approx(3000, rel=0.1)


def test_a_model_that_dies_fails_every_request() -> None:
    """And is seen to be dead; brought up again it serves."""
    clock = ManualClock()
    world = split(clock, models={"candidate": {"dies-after": "30s"}}, history="0s")
    clock.sleep(40.0)
    tally = world.measure().models["v2"]

    assert set(world.observe().models) == {"v1"}
    assert tally.unconnected == pytest.approx(500, rel=0.2)
    assert tally.errors >= tally.unconnected
    assert world.ledger.bad == pytest.approx(tally.unconnected * 0.99, rel=0.01)
    with pytest.raises(RoutingRefused):
        world.route(HALF)
    world.ensure("v2", 2)
    assert world.observe().models["v2"].ready == 2


def test_a_model_that_starts_too_slowly_is_not_there() -> None:
    """After as long as its health check allows."""
    clock = ManualClock()
    world, began = made(clock, models={"candidate": {"start": "2m"}}), clock.now()
    with pytest.raises(ModelNotReady):
        world.ensure("v2", 1)

    assert clock.now() - began == 60.0
    assert set(world.observe().models) == {"v1"}


def test_copies_are_counted_and_paired() -> None:
    """No user gets them; what either failed has no partner."""
    clock = ManualClock()
    world = made(clock, history="0s", models={"live": {"accuracy": "90%"}, "candidate": {"errors": "20%"}})
    world.ensure("v2", 1)
    world.route(Routing(segments=(("v1", WHOLE),), mirrors=(Mirror(model="v2", share=5000),), capture=Capture()))
    clock.sleep(100.0)
    answers, mark = world.look("v1", {"v2": 5000}, clock.now())
    total, copies = answers["v2"].total, world.measure().models["v2"].requests
    world.settle(mark)

    assert copies == pytest.approx(5000, rel=0.1)
    assert total.pairs + total.unpaired == copies
    assert total.unpaired == pytest.approx(copies * 0.2, rel=0.2)
    assert total.labelled == total.pairs
    assert world.ledger.tried == 0
    assert world.look("v1", {"v2": 5000}, clock.now())[0]["v2"].total.pairs == 0


def test_each_unit_is_counted_once() -> None:
    """Cohort by cohort up to what is old enough; users are fewer than requests where plans assign them."""
    metric = Metric(name="conversion", within=10.0)
    totals = []
    for assign_by in (None, "x-user"):
        clock = ManualClock()
        world = made(clock, assign_by=assign_by, users={"requests": 4}, models={"candidate": {"conversion": "30%"}})
        world.ensure("v2", 2)
        world.route(HALF)
        asked, mark, units, had = Asked(arms=("v1", "v2"), since=clock.now()), "", 0, 0.0
        for _ in range(11):
            clock.sleep(10.0)
            rewards, mark = world.rewards(metric, asked, mark)
            units += rewards.arms["v2"].units
            had += rewards.arms["v2"].sum
        totals.append(units)
        assert had / units == pytest.approx(0.3, rel=0.15)
        assert world.ledger.regret == pytest.approx(units * 0.2, rel=0.15)

    assert totals == pytest.approx([5000, 1250], rel=0.15)


def test_numeric_outcomes_have_their_mean() -> None:
    """The world says value and deviation."""
    clock = ManualClock()
    world = made(clock, models={"live": {"value": 12, "deviation": 3}})
    since = clock.now()
    clock.sleep(100.0)
    metric = Metric(name="revenue", kind=Kind.MEAN, within=0.0)
    rewards, _ = world.rewards(metric, Asked(arms=("v1",), since=since), "")
    reward = rewards.arms["v1"]

    assert reward.sum / reward.units == pytest.approx(12, rel=0.02)
    assert reward.square / reward.units - 144 == pytest.approx(9, rel=0.5)


def test_a_closed_door_turns_users_away() -> None:
    """They meet no model."""
    clock = ManualClock()
    world = made(clock, history="0s")
    world.route(all_to("v1", closed=True))
    clock.sleep(10.0)
    world.observe()

    assert world.ledger.turned_away == pytest.approx(1000, rel=0.2)
    assert world.measure().models == {}
    world.retire("v1")
    world.shutdown()
    assert world.observe().models == {}
