"""Latencies from HAProxy's log, which it keeps in a ring: a window that moves on, summed up here before it has passed.

The sums and the last record in them are on disk; whoever only looks adds what has come since, and writes nothing.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from mlship.metrics.counters import LATENCY_EDGES

Buckets = tuple[int, ...]
NOTHING: Buckets = (0,) * (len(LATENCY_EDGES) + 1)


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Answers per bucket of `LATENCY_EDGES`, by backend and by backend/server, of one life of HAProxy."""

    life: str = ""
    last: int = -1
    """Number of the last record that is in the sums."""
    buckets: Mapping[str, Buckets] = msgspec.field(default_factory=dict)


def summed(before: Sums, life: str, log: str) -> Sums:
    """The sums with the records that were not in them; a new life begins at nothing."""
    start = before if before.life == life else Sums(life=life)
    records = list(_records(log))
    # They are in the order of their ends, and numbered in that of their beginnings: only the place of one tells.
    places = [place for place, record in enumerate(records) if record["n"] == start.last]
    fresh = records[places[-1] + 1 :] if places else records
    if not fresh:
        return start
    counts = {backend: list(buckets) for backend, buckets in start.buckets.items()}
    for record in fresh:
        for name in (str(record["b"]), f"{record['b']}/{record.get('v', '')}"):
            counts.setdefault(name, list(NOTHING))[_bucket(record)] += 1
    buckets = {backend: tuple(found) for backend, found in counts.items()}
    return Sums(life=life, last=int(fresh[-1]["n"]), buckets=buckets)


def _records(log: str) -> Iterable[Mapping[str, Any]]:
    for line in log.splitlines():
        with suppress(ValueError):
            record = json.loads(line)
            if isinstance(record, dict) and record.keys() >= {"n", "b", "r", "a"}:
                yield record


def _bucket(record: Mapping[str, Any]) -> int:
    """Of the time that the server took until its answer began; without an answer, of all the time there was."""
    milliseconds = record["r"] if record["r"] >= 0 else record["a"]
    return bisect_left(LATENCY_EDGES, milliseconds / 1000)
