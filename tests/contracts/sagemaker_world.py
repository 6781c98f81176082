"""An account on an emulator whose clock the driver moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlship.plan.hosted import Hosted
from tests.contracts.world import World
from tests.emulators.sagemaker import SageMakerEmulator
from tests.support.sagemaker_site import ENDPOINT, ENVIRONMENT, sagemaker_site

LAG = 600.0
"""Seconds after which every minute of the traffic is final."""


@contextmanager
def sagemaker(folder: Path) -> Iterator[World]:
    """One endpoint; `sick` is a model whose container answers nowhere."""
    with SageMakerEmulator() as aws, pytest.MonkeyPatch.context() as patch:
        for key, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": aws.url}.items():
            patch.setenv(key, value)
        with sagemaker_site(aws, folder, "v1", "v2", "sick") as site:
            site.models["sick"] = replace(site.models["sick"], hosted=Hosted(image="emulated/http:127.0.0.1:1"))

            def traffic() -> None:
                assert set(site.ask(20)) <= {"v1", "v2"}
                aws.drain()
                aws.advance(LAG)

            def kill() -> None:
                site.clients.sagemaker.delete_endpoint(EndpointName=ENDPOINT)
                aws.advance(LAG)

            yield World(open=site.open, traffic=traffic, kill_router=kill)
