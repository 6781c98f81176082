"""Counters of several balancers, added up; and those of one on disk, where it forgets what it has told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from mlship.dataplane.files import replace_file
from mlship.errors import OutOfReach
from mlship.metrics.counters import Tally

S = TypeVar("S", bound=msgspec.Struct)


def added(readings: Iterable[Mapping[str, Tally]]) -> Mapping[str, Tally]:
    """The tallies of all nodes, by model."""
    total: dict[str, Tally] = {}
    for reading in readings:
        for model, tally in reading.items():
            total[model] = _sum(total[model], tally) if model in total else tally
    return total


def read_sums(file: Path, kind: type[S]) -> S:
    """The sums on disk; `kind()` where there are none that can be used."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return kind()


def write_sums(file: Path, sums: msgspec.Struct) -> None:
    """Keep them; where the disk refuses, the balancer's log still holds the latest."""
    with suppress(OutOfReach):
        replace_file(file, msgspec.json.encode(sums).decode())


def _sum(one: Tally, other: Tally) -> Tally:
    return Tally(
        requests=one.requests + other.requests,
        errors=one.errors + other.errors,
        latency=tuple(a + b for a, b in zip(one.latency, other.latency, strict=True)),
    )
