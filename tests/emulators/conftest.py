"""An emulator whose time the test moves, its clients, and two models."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulators.clients import Clients, variant
from tests.emulators.sagemaker import SageMakerEmulator
from tests.emulators.sagemaker.local import LocalModel, local_model


@pytest.fixture(scope="session")
def one() -> Iterator[SageMakerEmulator]:
    with SageMakerEmulator() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def at(one: SageMakerEmulator) -> Clients:
    return Clients(one.url)


@pytest.fixture
def aws(one: SageMakerEmulator) -> SageMakerEmulator:
    """As if it had just begun."""
    one.reset()
    return one


@pytest.fixture
def old() -> Iterator[LocalModel]:
    with local_model("old") as model:
        yield model


@pytest.fixture
def new() -> Iterator[LocalModel]:
    with local_model("new") as model:
        yield model


@pytest.fixture
def fraud(aws: SageMakerEmulator, at: Clients, old: LocalModel, new: LocalModel) -> str:
    """An endpoint in service with the configuration `was`; `next` is another for the same variant."""
    for model, config in ((old, "was"), (new, "next")):
        at.model(model.name, model.image)
        at.config(config, variant("main", model.name))
    at.endpoint("fraud", "was")
    aws.advance(600)
    return "fraud"
