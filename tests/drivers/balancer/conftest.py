"""Two models behind a balancer of each make."""

from __future__ import annotations

from typing import Any

import pytest

from tests.drivers.balancer.makes import MAKES, Make


@pytest.fixture(params=[pytest.param(make, marks=getattr(pytest.mark, make.engine)) for make in MAKES], ids=str)
def make(request: pytest.FixtureRequest) -> Make[Any]:
    """Which one it is."""
    assert isinstance(request.param, Make)
    return request.param
