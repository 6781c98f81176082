"""Room on the disk that only a rollback may use: a full disk is when one is needed most."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from mlship.private import make_private

NAME = "reserve"
SIZE = 1 << 20
"""Bytes: what a rollback writes, several times over."""


def keep(folder: Path) -> None:
    """Have it in the state folder. A disk without room for it is no reason not to begin."""
    file = folder / NAME
    with suppress(OSError):
        if file.exists() and file.stat().st_size == SIZE:
            return
        make_private(folder)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            # Written and not only claimed: a file with holes takes no room.
            with os.fdopen(descriptor, "wb") as sink:
                sink.write(bytes(SIZE))
        except OSError:
            file.unlink(missing_ok=True)


def spend(folder: Path) -> None:
    """Give it up where the disk of the state folder has no such room left."""
    with suppress(OSError):
        disk = os.statvfs(folder)
        if disk.f_bavail * disk.f_frsize < SIZE:
            (folder / NAME).unlink(missing_ok=True)
