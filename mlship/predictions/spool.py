"""The router's files: which of their lines are new, and which files are done with."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec

CHUNK = 4 * 1024 * 1024
"""Bytes that are read at once."""
LONGEST = 64 * 1024 * 1024
"""Bytes of a line; a longer one is skipped."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Some whole lines of a file that were not read before."""

    file: Path
    name: str
    """Of the file's content: it stays the same when the file is renamed."""
    lines: tuple[bytes, ...]
    end: int
    """Offset behind the last of the lines."""


def files(spool: Path, kind: str) -> list[Path]:
    """The rotated files of a kind, oldest first, then the one that is being written."""
    rotated = re.compile(rf"{re.escape(kind)}\.(\d+)\.jsonl")
    try:
        found = [(rotated.fullmatch(path.name), path) for path in spool.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    numbered = sorted((int(match[1]), path) for match, path in found if match)
    return [path for _, path in numbered] + [spool / f"{kind}.jsonl"]


def is_rotated(file: Path) -> bool:
    """Nothing new will be written to the file, once the router has let go of it."""
    return file.name.count(".") > 1


def named(file: Path) -> str | None:
    """What tells a file from every other one, under whichever name; None: gone, or no whole line yet."""
    try:
        with file.open("rb") as stream:
            return _name(stream)
    except OSError:
        return None


def unread(file: Path, offsets: Mapping[str, int]) -> Iterator[Part]:
    """The whole lines behind the offset that the file has been read to; a torn last line is left for later.

    Empty lines are none: a writer that saw half of another's line begins with a line break of its own. What is written
    after the call is left for later as well: a busy router would never let it end.

    Raises:
        OSError: the file is there and cannot be read.
    """
    with suppress(FileNotFoundError), file.open("rb") as stream:
        name = _name(stream)
        if name is None:
            return
        at = offsets.get(name, 0)
        stream.seek(at)
        written = os.fstat(stream.fileno()).st_size
        rest = b""
        while data := stream.read(min(CHUNK, max(written - stream.tell(), 0))):
            whole, newline, rest = (rest + data).rpartition(b"\n")
            if newline:
                at += len(whole) + 1
                yield Part(file=file, name=name, lines=tuple(filter(None, whole.split(b"\n"))), end=at)
            elif len(rest) > LONGEST:
                at += len(rest)
                yield Part(file=file, name=name, lines=(b"",), end=at)
                rest = b""


def _name(stream: BinaryIO) -> str | None:
    """The inode and the first line that says something: an inode alone is used again once a file is deleted."""
    while (first := stream.readline(CHUNK)) == b"\n":
        pass
    whole = first.endswith(b"\n") or len(first) == CHUNK
    return f"{os.fstat(stream.fileno()).st_ino}-{sha256(first).hexdigest()[:32]}" if whole else None
