"""An AWS of the tests' own, as clients of the environment find it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from tests.emulators.sagemaker import SageMakerEmulator

REGION = "us-east-1"


def environment(url: str) -> Mapping[str, str]:
    """What a client of the emulator at `url` needs."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }


@contextmanager
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[SageMakerEmulator]:
    """An emulator whose clock only the test moves, and an environment that leads to it."""
    with SageMakerEmulator() as emulator:
        for name, value in environment(emulator.url).items():
            monkeypatch.setenv(name, value)
        yield emulator
