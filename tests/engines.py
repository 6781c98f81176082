"""What some tests need beside Python: skipped where it is missing, unless MLSHIP_REQUIRE names it."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping

import pytest


def _has_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


PRESENT: Mapping[str, Callable[[], bool]] = {
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
