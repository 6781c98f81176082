"""Coverage of the processes that tests start, which costs each of them twice its time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

STARTED_BY = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
"""Where coverage tells a new process that it is to be measured."""


@contextmanager
def unmeasured() -> Iterator[None]:
    """What is started in here is not measured; the test itself is."""
    before = {name: os.environ.pop(name) for name in STARTED_BY if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)
