"""An AWS of the tests' own, as clients of the environment find it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.emulators.sagemaker import SageMakerEmulator
from tests.support.sagemaker_site import ENVIRONMENT


@contextmanager
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[SageMakerEmulator]:
    """An emulator whose clock only the test moves, and an environment that leads to it."""
    with SageMakerEmulator() as emulator:
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": emulator.url}.items():
            monkeypatch.setenv(name, value)
        yield emulator
