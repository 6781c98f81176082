"""Ports for tests: below the range that the system takes for outgoing connections, and apart for parallel workers."""

from __future__ import annotations

import os
import random
import socket

FIRST = 12_000
PER_WORKER = 2_500
"""Eight workers end at 32 000, where outgoing connections begin on Linux."""


def free_port() -> int:
    """A port that nobody listens on, and that no client will be given."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    chance = random.SystemRandom()
    while True:
        port = FIRST + worker * PER_WORKER + chance.randrange(PER_WORKER)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
