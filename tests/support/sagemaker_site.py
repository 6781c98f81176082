"""An AWS account on an emulator whose clock the driver moves: hours of a rollout take milliseconds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlship.clock import Clock
from mlship.drivers.base import Opening
from mlship.drivers.sagemaker import SagemakerDriver
from mlship.plan.hosted import Hosted
from mlship.plan.model import DriverSpec, Health, Model
from mlship.plan.routing import Routing
from tests.emulators.clients import ROLE, TYPE, Clients
from tests.emulators.sagemaker import Outcome, SageMakerEmulator, Settings, Timings
from tests.emulators.sagemaker.local import LocalModel, local_model

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIAEMULATED",
    "AWS_SECRET_ACCESS_KEY": "emulated",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What a command needs to reach the emulator, beside AWS_ENDPOINT_URL; nothing of the machine's own is read."""

ENDPOINT = "scorer"

QUICK = Timings(provision=60.0, shift=20.0, terminate=20.0, weights=30.0, counts=30.0, rollback=30.0, delete=20.0)
"""Fewer looks of a driver that waits than AWS's own order of times would take."""


class SagemakerSite:
    """One service, its models, and users who ask the endpoint."""

    def __init__(self, aws: SageMakerEmulator, folder: Path) -> None:
        self.aws = aws
        self.folder = folder
        self.clients = Clients(aws.url)
        self.settings: dict[str, Any] = {"role": ROLE, "instance-type": TYPE, "attempts": 1, "poll": "30s"}
        self.models: dict[str, Model] = {}
        self.servers: dict[str, LocalModel] = {}
        """What answers for them."""

    def model(self, local: LocalModel, **more: Any) -> Model:
        """A model of the plan that this server is."""
        hosted = Hosted(image=local.image)
        self.servers[local.name] = local
        self.models[local.name] = Model(name=local.name, hosted=hosted, health=Health(within=600.0), **more)
        return self.models[local.name]

    def elsewhere(self, *, asked: Routing, intended: Routing | None = None, fence: int = 2) -> SagemakerDriver:
        """The driver on another machine of the team: it has no files, and the journal says what was asked."""
        return self.open(fence, opening={"state": self.folder / "elsewhere", "asked": asked, "intended": intended})

    def open(
        self,
        fence: int | None = 1,
        *,
        clock: Clock | None = None,
        opening: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> SagemakerDriver:
        """The service's driver, with more settings, opened with something else where that is said."""
        told = {"state": self.folder, "clock": clock or self.aws.clock, **(opening or {})}
        return SagemakerDriver(
            Opening(
                service=ENDPOINT,
                spec=DriverSpec(name="sagemaker", settings={**self.settings, **more}),
                models=self.models,
                fence=fence,
                **told,
            )
        )

    @property
    def described(self) -> dict[str, Any]:
        """The endpoint as AWS tells it."""
        return self.clients.describe(ENDPOINT)

    @property
    def weights(self) -> dict[str, float]:
        """Of every production variant, now."""
        return {told["VariantName"]: told["CurrentWeight"] for told in self.described["ProductionVariants"]}

    def ask(self, number: int = 1, **more: Any) -> list[str]:
        """Which variants answered so many requests."""
        return [str(self.clients.invoke(ENDPOINT, **more)["InvokedProductionVariant"]) for _ in range(number)]

    def outcome(self, **said: Any) -> None:
        """How the next change ends."""
        self.aws.outcome(Outcome(**said))


@contextmanager
def sagemaker_site(aws: SageMakerEmulator, folder: Path, *names: str) -> Iterator[SagemakerSite]:
    """A site with these models."""
    from contextlib import ExitStack

    aws.reset(Settings(timings=QUICK))
    site = SagemakerSite(aws, folder)
    with ExitStack() as stack:
        for name in names:
            site.model(stack.enter_context(local_model(name)))
        yield site
