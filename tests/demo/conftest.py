from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlship.clock import SystemClock
from mlship.demo.model_server import ModelServer
from mlship.demo.service import Faults, Service
from mlship.demo.training import MODELS, trained
from tests.engines import need


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all trained models."""
    need("sklearn")
    folder = tmp_path_factory.mktemp("models")
    for name in MODELS:
        trained(name, folder)
    return folder


@pytest.fixture
def service(models: Path) -> Service:
    """A loaded model without faults."""
    service = Service(name="digits", version="v1", faults=Faults(), clock=SystemClock())
    service.load(trained("v1", models))
    return service


@pytest.fixture
def server(service: Service) -> Iterator[ModelServer]:
    """That model over HTTP, on a free port."""
    server = ModelServer(0, service)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.drain()
    thread.join()
