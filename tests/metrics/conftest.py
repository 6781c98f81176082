"""Servers of numbers: a scripted one for each test, real ones for each file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulators.sagemaker import SageMakerEmulator
from tests.engines import need
from tests.metrics.engines import Database, Monitoring, database, monitoring
from tests.metrics.service import Service, serving
from tests.support.cloud import cloud


@pytest.fixture
def service() -> Iterator[Service]:
    """A server that answers what it is told to."""
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Monitoring]:
    """A real Prometheus."""
    need("prometheus")
    with monitoring() as place:
        yield place


@pytest.fixture(scope="module")
def postgres() -> Iterator[Database]:
    """A real PostgreSQL."""
    need("postgresql")
    with database() as place:
        yield place


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[SageMakerEmulator]:
    """CloudWatch, with time as something that the test moves."""
    with cloud(monkeypatch) as emulator:
        yield emulator
