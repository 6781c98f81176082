"""Ports for tests: below the range that the system takes for outgoing connections, and apart for parallel workers."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle

FIRST = 12_000
PER_WORKER = 2_500
"""Eight workers end at 32 000, where outgoing connections begin on Linux."""


def free_port() -> int:
    """A port that nobody listens on, that no client will be given, and that no other call was given lately."""
    while True:
        port = next(_ports())
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@cache
def _ports() -> Iterator[int]:
    """All of this worker's ports, again and again: by chance alone two of a test would now and then be the same."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    first = FIRST + worker * PER_WORKER
    return cycle(random.SystemRandom().sample(range(first, first + PER_WORKER), PER_WORKER))
