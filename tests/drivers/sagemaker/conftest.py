"""An account with two models, and a driver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlship.drivers.sagemaker import SagemakerDriver
from mlship.plan.routing import all_to
from tests.emulators.sagemaker import SageMakerEmulator
from tests.support.sagemaker_site import ENVIRONMENT, SagemakerSite, sagemaker_site


@pytest.fixture(scope="session")
def emulator() -> Iterator[SageMakerEmulator]:
    with SageMakerEmulator() as aws:
        yield aws


@pytest.fixture
def site(emulator: SageMakerEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SagemakerSite]:
    """The account is empty; models v1, v2 and v3 can be hosted."""
    for key, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": emulator.url}.items():
        monkeypatch.setenv(key, value)
    with sagemaker_site(emulator, tmp_path, "v1", "v2", "v3") as opened:
        yield opened


@pytest.fixture
def pair(site: SagemakerSite) -> SagemakerDriver:
    """An endpoint where v1 has everything and v2 nothing."""
    driver = site.open()
    for model in ("v1", "v2"):
        driver.ensure(model, 1)
    driver.route(all_to("v1"))
    site.aws.calls.clear()
    return driver
