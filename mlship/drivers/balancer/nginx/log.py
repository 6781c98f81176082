"""Requests, errors and latencies out of nginx's log: one JSON line per request, summed up from where it was read last.

The sums and the places in the files are on disk; whoever only looks adds what has come since, and writes nothing. A
file that was rotated away is read to its end under its new name. Where lines are lost (truncated, or rotated and gone)
a new life of the counters begins: what is not known is not guessed.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from mlship.errors import OutOfReach
from mlship.metrics.counters import LATENCY_EDGES, Tally

REMEMBERED = 200
"""Bytes before a mark that are compared: another file in the same place has others."""
TAIL = 4096
"""Bytes at the end of the log in which its last line ends."""
FILES = 3
"""Marks that are kept: the log, and those that were rotated away last."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """How far one file was read."""

    inode: int
    offset: int
    before: str
    """The bytes before the offset, hexadecimal."""


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Answers by upstream, since mlship began to read."""

    life: int = 0
    """Grows where lines were lost."""
    marks: tuple[Mark, ...] = ()
    """Oldest first."""
    tallies: Mapping[str, Tally] = msgspec.field(default_factory=dict)


def read(log: Path, before: Sums) -> Sums:
    """The sums with what has come since.

    Raises:
        OutOfReach: the log cannot be read.
    """
    try:
        return _read(log, before)
    except OSError as error:
        hint = "it is in the `access_log` line that `mlship init --driver nginx` prints; mlship's user has to read it"
        raise OutOfReach(f"nginx's log cannot be read: {log}: {error.strerror or error}", hint=hint) from error


def _read(log: Path, before: Sums) -> Sums:
    if not before.marks:
        return Sums(life=before.life, marks=(_end_of(log),))
    found = {path: path.stat() for path in log.parent.glob(f"{log.name}*")}
    files = {status.st_ino: path for path, status in found.items()}
    lines: list[bytes] = []
    marks = _followed(files, before.marks, lines)
    latest, known = before.marks[-1].inode, frozenset(mark.inode for mark in marks)
    if latest not in known or _passed_over(log, found, known, latest):
        return Sums(life=before.life + 1, marks=(_end_of(log),))
    if (inode := log.stat().st_ino) not in known:
        marks += _followed(files, [Mark(inode=inode, offset=0, before="")], lines)
    return Sums(life=before.life, marks=tuple(marks[-FILES:]), tallies=_added(before.tallies, _records(lines)))


def _followed(files: Mapping[int, Path], marks: Iterable[Mark], lines: list[bytes]) -> list[Mark]:
    """Read on after each mark whose file is still there: an inode may be another file's by now."""
    moved = (_follow(files[mark.inode], mark, lines) for mark in marks if mark.inode in files)
    return [mark for mark in moved if mark is not None]


def _passed_over(log: Path, found: Mapping[Path, os.stat_result], known: frozenset[int], latest: int) -> bool:
    """A whole file came and was rotated away since the last reading."""
    since = next(status.st_mtime for status in found.values() if status.st_ino == latest)
    others = (status for path, status in found.items() if path != log and status.st_ino not in known)
    return any(status.st_mtime > since for status in others)


def _end_of(log: Path) -> Mark:
    """After the last whole line that is there."""
    with log.open("rb") as file:
        start = max(0, file.seek(0, os.SEEK_END) - TAIL)
        file.seek(start)
        whole = file.read().rfind(b"\n") + 1
        return _mark(file, os.fstat(file.fileno()).st_ino, start + whole)


def _follow(path: Path, mark: Mark, lines: list[bytes]) -> Mark | None:
    """Add whole lines after the mark; None: the file is not the one that was read."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) < mark.offset or _mark(file, mark.inode, mark.offset) != mark:
            return None
        file.seek(mark.offset)
        text = file.read()
        whole = text.rfind(b"\n") + 1
        lines += text[:whole].splitlines()
        return _mark(file, mark.inode, mark.offset + whole)


def _mark(file: BinaryIO, inode: int, offset: int) -> Mark:
    start = max(0, offset - REMEMBERED)
    file.seek(start)
    return Mark(inode=inode, offset=offset, before=file.read(offset - start).hex())


def _records(lines: Iterable[bytes]) -> Iterator[tuple[str, int, float]]:
    """(upstream, status, seconds) of each request that one was chosen for."""
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            record = json.loads(line)
            yield record["m"], int(record["s"]), _seconds(record)


def _seconds(record: Mapping[str, str]) -> float:
    """Until the answer began where the line tells that, else until it was there; nginx's own time if no server was."""
    told = (_last(record.get(key, "")) for key in ("h", "t", "r"))
    return float(next((each for each in told if each not in {"", "-"}), ""))


def _last(told: str) -> str:
    """Of several servers that were tried, or places that a request was led to, the one that answered."""
    return told.replace(" : ", ", ").rpartition(", ")[2]


def _added(before: Mapping[str, Tally], records: Iterable[tuple[str, int, float]]) -> Mapping[str, Tally]:
    counts = {name: [tally.requests, tally.errors, *tally.latency] for name, tally in before.items()}
    for name, status, seconds in records:
        found = counts.setdefault(name, [0] * (len(LATENCY_EDGES) + 3))
        found[0] += 1
        found[1] += status >= 500
        found[2 + bisect_left(LATENCY_EDGES, seconds)] += 1
    return {
        name: Tally(requests=requests, errors=errors, latency=tuple(latency))
        for name, (requests, errors, *latency) in counts.items()
    }
