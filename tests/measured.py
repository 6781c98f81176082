"""Coverage of the processes that tests start, which costs each of them twice its time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

STARTED_BY = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
"""Where coverage tells a new process that it is to be measured."""


def keep_what_was_measured() -> None:
    """Write it now: a worker that takes long to end is killed by the others' end, and its figures with it."""
    if "coverage" in sys.modules:
        from coverage import Coverage

        if (measuring := Coverage.current()) is not None:
            measuring.save()


@contextmanager
def unmeasured() -> Iterator[None]:
    """What is started in here is not measured; the test itself is."""
    before = {name: os.environ.pop(name) for name in STARTED_BY if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)
