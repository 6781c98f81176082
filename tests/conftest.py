"""What holds for all tests."""

from __future__ import annotations

import os

import pytest


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers for each core: most tests wait for real servers more than they compute."""
    return 2 * (os.cpu_count() or 1)
