"""A log of somebody else's that grows, and is now and then put aside for a new one: each line of it once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mlship.errors import OutOfReach

PIECE = 1 << 20
"""Bytes that are read at a time."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Up to where a log was read."""

    inode: int = 0
    """Of the file; 0: it was never read."""
    offset: int = 0
    """Bytes of it."""
    losses: int = 0
    """Times that lines were gone before they could be read: what was counted before says nothing any more."""


def read_on(log: Path, mark: Mark) -> tuple[Mark, Iterator[bytes]]:
    """(the next mark, whole lines that were not read yet). A log that was never read begins at its end.

    Raises:
        OutOfReach: it cannot be read.
    """
    try:
        now = log.stat()
        if not mark.inode:
            return Mark(inode=now.st_ino, offset=_whole(log, now.st_size)), iter(())
        files = _since(log, mark)
        if not files:
            lost = Mark(inode=now.st_ino, offset=_whole(log, now.st_size), losses=mark.losses + 1)
            return lost, iter(())
        *aside, (current, start) = files
        end = _whole(log, now.st_size)
        lines = [line for file, begin in aside for line in _lines(file, begin, file.stat().st_size)]
        lines += _lines(current, start, end)
        return Mark(inode=now.st_ino, offset=max(end, start), losses=mark.losses), iter(lines)
    except OSError as error:
        hint = "is it the file that the balancer writes, and may mlship's user read it?"
        raise OutOfReach(f"{log} cannot be read: {error.strerror or error}", hint=hint) from error


def _since(log: Path, mark: Mark) -> list[tuple[Path, int]]:
    """Files with lines after the mark, the oldest first, each with the byte where these begin; none: they are gone."""
    family = [file for file in log.parent.glob(f"{log.stem}*") if file.suffix == log.suffix and file != log]
    files = [*sorted(family, key=lambda file: file.stat().st_mtime_ns), log]
    places = [place for place, file in enumerate(files) if file.stat().st_ino == mark.inode]
    if not places or files[places[0]].stat().st_size < mark.offset:
        return []
    return [(file, mark.offset if place == 0 else 0) for place, file in enumerate(files[places[0] :])]


def _whole(file: Path, size: int) -> int:
    """Bytes up to the end of the last whole line."""
    with file.open("rb") as source:
        end = size
        while end > 0:
            start = max(end - PIECE, 0)
            source.seek(start, os.SEEK_SET)
            place = source.read(end - start).rfind(b"\n")
            if place >= 0:
                return start + place + 1
            end = start
    return 0


def _lines(file: Path, start: int, end: int) -> list[bytes]:
    with file.open("rb") as source:
        source.seek(start)
        return source.read(max(end - start, 0)).splitlines()
