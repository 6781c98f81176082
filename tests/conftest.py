"""What holds for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests import turns
from tests.measured import keep_what_was_measured, unmeasured


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers for each core: most tests wait for real servers more than they compute."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """One unit after the other to whoever is free, in the order of the collection."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return turns.unit(nodeid)

    config.option.loadscopereorder = False
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first."""
    items.sort(key=lambda item: turns.rank(item.nodeid, alone=_alone(item)))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Wait for the test's turn before anything of it begins, its timeout included."""
    under_load = item.get_closest_marker("load") is not None
    with turns.turn(alone=_alone(item)), unmeasured() if under_load else nullcontext():
        return (yield)


def pytest_sessionfinish() -> None:
    """Before a worker says that it has finished."""
    keep_what_was_measured()


def _alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None
