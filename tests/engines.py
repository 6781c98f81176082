"""What some tests need beside Python: skipped where it is missing, unless MLSHIP_REQUIRE names it."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping

import pytest


def _has_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _has_daemon() -> bool:
    """A Docker daemon answers; a machine without one has no client for it either."""
    if not _has_module("docker"):
        return False
    import docker
    from docker.errors import DockerException

    try:
        docker.from_env(timeout=10).close()
    except DockerException:
        return False
    return True


PRESENT: Mapping[str, Callable[[], bool]] = {
    "docker": _has_daemon,
    "envoy": lambda: _has_module("envoy"),
    "hatchling": lambda: _has_module("hatchling"),
    "hey": lambda: shutil.which("hey") is not None,
    "sklearn": lambda: _has_module("sklearn"),
    "wrk": lambda: shutil.which("wrk") is not None,
}


def need(name: str) -> None:
    """Skip the test where `name` is missing; fail it where MLSHIP_REQUIRE ("envoy hey") says that it must be there."""
    if PRESENT[name]():
        return
    if name in os.environ.get("MLSHIP_REQUIRE", "").split():
        pytest.fail(f"{name} is missing, and MLSHIP_REQUIRE names it")
    pytest.skip(f"{name} is missing")
