"""A service of its own per test, cleared away whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.containers.place import DockerPlace
from tests.support.docker_site import daemon


@pytest.fixture
def site(tmp_path: Path) -> Iterator[DockerPlace]:
    """One service on the docker driver."""
    daemon()
    place = DockerPlace(tmp_path)
    try:
        yield place
    finally:
        place.clear()
