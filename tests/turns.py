"""Which test runs when, and beside which others: two cores are shared with the servers that tests start."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOGETHER = (
    "tests/drivers/alb/test_alb.py",
    "tests/drivers/rest/",
    "tests/e2e/containers/test_disk.py",
    "tests/e2e/containers/test_remote.py",
    "tests/e2e/containers/test_ssh.py",
    "tests/metrics/test_postgresql",
    "tests/metrics/test_prometheus",
    "tests/predictions/test_remote.py",
    "tests/test_package.py",
    "tests/test_repository.py",
)
"""Files whose tests share what is costly to start or to make: one worker has them all."""

LONG_FIRST = (
    "tests/e2e/containers/test_remote.py",
    "tests/e2e/containers/",
    "tests/plans/",
    "tests/e2e/",
    "tests/contracts/",
    "tests/dataplane/",
    "tests/drivers/",
)
"""A long test that comes last is waited for by everybody."""


def unit(nodeid: str) -> str:
    """What is given to a worker at once: a test, or the file that it shares a server with."""
    file = nodeid.partition("::")[0]
    return file if file.startswith(TOGETHER) else nodeid


def rank(nodeid: str, *, alone: bool) -> int:
    """Tests that run alone first, so that nobody waits long for them; then by what a test takes."""
    if alone:
        return -1
    return next((place for place, begin in enumerate(LONG_FIRST) if nodeid.startswith(begin)), len(LONG_FIRST))


@contextmanager
def turn(*, alone: bool) -> Iterator[None]:
    """Beside other workers' tests, or beside none, in whichever run of this machine.

    Whoever is at the gate comes next: a test that is to be alone stays there until the room is empty.
    """
    place = Path(tempfile.gettempdir())
    with (place / f"mlship-tests-{os.getuid()}.room").open("wb") as room:
        with (place / f"mlship-tests-{os.getuid()}.gate").open("wb") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
