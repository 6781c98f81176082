"""Calls of AWS's API per minute: while a step is watched, and while a change of the endpoint is waited for.

An emulated account, whose clock the driver moves, counts every call that arrives. A step is watched as the engine does
it, a look every five seconds: the endpoint is observed and its counters are read. AWS throttles by account, so whatever
mlship asks is taken from everybody else there; AWS's own waiter, for comparison, asks twice a minute and sees nothing
of the numbers.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from harness import Goal, arguments, finish

sys.path.insert(0, str(Path(__file__).parents[1]))

from mlship.drivers.base import Opening
from mlship.drivers.sagemaker import SagemakerDriver
from mlship.plan.hosted import Hosted
from mlship.plan.model import DriverSpec, Model
from mlship.plan.routing import Routing, all_to
from tests.emulators.clients import ROLE, TYPE
from tests.emulators.sagemaker import SageMakerEmulator
from tests.support.sagemaker_site import ENVIRONMENT

LOOK_EVERY = 5.0
"""Seconds; what a plan has that says nothing else."""

WATCHED = 20.0
WAITED = 8.0
"""Most calls in a minute: one description in ten seconds, and what the numbers take."""

HALF = Routing(segments=(("v2", 5000), ("v1", 5000)))


def main() -> None:
    """Count, print, exit."""
    asked = arguments("calls of AWS's API per minute of watching and of waiting")
    minutes = 10 if asked.quick else 120
    with SageMakerEmulator() as aws, tempfile.TemporaryDirectory(prefix="mlship-b-") as folder:
        os.environ.update({**ENVIRONMENT, "AWS_ENDPOINT_URL": aws.url})
        driver = opened(aws, Path(folder))
        waited = [waiting(aws, driver, number) for number in range(2 if asked.quick else 10)]
        watched = [watching(aws, driver) for _ in range(minutes)]
    goals = [
        Goal(name=name, value=sum(counts) / len(counts), target=target, spread=(min(counts), max(counts)))
        for name, counts, target in (
            ("sagemaker: calls per minute of watching", watched, WATCHED),
            ("sagemaker: calls per minute of waiting", waited, WAITED),
        )
    ]
    finish(goals, as_json=asked.json)


def opened(aws: SageMakerEmulator, folder: Path) -> SagemakerDriver:
    """The driver of an endpoint with two models, half of the users on each."""
    models = {name: Model(name=name, hosted=Hosted(image="none")) for name in ("v1", "v2")}
    spec = DriverSpec(name="sagemaker", settings={"role": ROLE, "instance-type": TYPE})
    driver = SagemakerDriver(Opening(service="bench", spec=spec, models=models, fence=1, state=folder, clock=aws.clock))
    for model in models:
        driver.ensure(model, 1)
    driver.route(HALF)
    return driver


def watching(aws: SageMakerEmulator, driver: SagemakerDriver) -> float:
    """Calls in one minute of a step that holds."""
    aws.calls.clear()
    until = aws.clock.now() + 60.0
    while aws.clock.now() < until:
        driver.measure()
        driver.observe()
        aws.clock.sleep(LOOK_EVERY)
    return float(aws.calls.total())


def waiting(aws: SageMakerEmulator, driver: SagemakerDriver, number: int) -> float:
    """Calls per minute while the weights are changed; those that begin and confirm it are among them."""
    aws.calls.clear()
    aws.settings.timings.weights = 600.0
    began = aws.clock.now()
    driver.route(HALF if number % 2 else all_to("v1"))
    return aws.calls.total() / ((aws.clock.now() - began) / 60.0)


if __name__ == "__main__":
    main()
