"""Fixtures of the test packages whose journals are in S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.s3 import CREDENTIALS, Front, Store, front


@pytest.fixture(scope="session")
def s3() -> Iterator[Front]:
    """S3 on loopback."""
    with front() as server:
        yield server


@pytest.fixture
def store(s3: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A bucket of the test's own, and an environment in which it is found."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return Store(s3)
