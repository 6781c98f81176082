"""What a driver that copies requests promises, and one that keeps answers."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mlship.drivers.base import Driver
from mlship.errors import RoutingRefused
from mlship.metrics.answers import AnswerSource
from mlship.metrics.counters import Tally, difference
from mlship.plan.model import Capability
from mlship.plan.routing import Capture, Mirror, Routing, all_to
from mlship.predictions.source import Captures
from tests.contracts.world import World
from tests.support.site import until


def mirrored(driver: Driver, model: str = "v2") -> Routing:
    """v1 serves, the model gets copies; answers are kept where the driver can."""
    kept = Capture() if Capability.CAPTURE in driver.capabilities else None
    return replace(all_to("v1"), mirrors=(Mirror(model=model, share=10_000),), capture=kept)


def up(world: World) -> Driver:
    """A driver with v1 and v2 ready and everything on v1."""
    driver = world.open(1)
    if Capability.MIRROR not in driver.capabilities:
        pytest.skip("this driver copies no requests")
    for model in ("v1", "v2"):
        driver.ensure(model, 1)
    driver.route(all_to("v1"))
    return driver


def grown(world: World, driver: Driver, routing: Routing, *, copies: float = 0) -> dict[str, Tally]:
    """What is counted under `routing` while users send some requests, once so many copies have their end as well."""
    driver.route(routing)
    before = driver.measure()
    world.traffic()

    def counted() -> dict[str, Tally]:
        return dict(difference(before, driver.measure()) or {})

    def ended() -> bool:
        tally = counted().get("v2", Tally())
        return tally.requests + tally.dropped >= copies

    # Nobody waits for a copy: users have their answers before.
    until(ended)
    return counted()


def test_the_routing_is_read_back(world: World) -> None:
    """Mirrors and capture are part of the routing, in another process as well."""
    driver = up(world)
    driver.route(mirrored(driver))

    assert world.open(None).observe().routing == mirrored(driver)


def test_copies_are_counted_apart(calm: World) -> None:
    """The challenger's requests are its own; the live model's are the users'."""
    driver = up(calm)
    users = grown(calm, driver, all_to("v1"))["v1"].requests
    seen = grown(calm, driver, mirrored(driver), copies=0.9 * users)

    assert seen["v1"].requests == pytest.approx(users, rel=0.1)
    assert seen["v2"].requests + seen["v2"].dropped == pytest.approx(users, rel=0.1)


def test_copies_end_with_their_routing(world: World) -> None:
    """On the plain routing no challenger is asked any more."""
    driver = up(world)
    grown(world, driver, mirrored(driver))
    grown(world, driver, all_to("v1"))

    assert grown(world, driver, all_to("v1")).get("v2", Tally()).requests == 0


def test_a_challenger_must_be_ready(world: World) -> None:
    """A copy of a request never goes to a model that is not there."""
    driver = up(world)
    with pytest.raises(RoutingRefused):
        driver.route(mirrored(driver, "sick"))

    assert driver.observe().routing == all_to("v1")


def test_answers_can_be_read(world: World) -> None:
    """A driver that keeps answers gives them, or the files with them."""
    driver = up(world)
    if Capability.CAPTURE not in driver.capabilities:
        pytest.skip("this driver keeps no answers")

    assert isinstance(driver, AnswerSource | Captures)
