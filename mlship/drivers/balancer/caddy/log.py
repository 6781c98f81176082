"""Requests, errors and latencies out of Caddy's access log: its metrics know no servers, and end with each change."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from mlship.dataplane.files import replace_file
from mlship.drivers.balancer.caddy.admin import AdminApi
from mlship.drivers.balancer.sums import added
from mlship.drivers.balancer.tail import Mark, read_on
from mlship.errors import OutOfReach
from mlship.metrics.counters import LATENCY_EDGES, Tally

ANSWERED_BY, ANSWERED_AFTER = "upstream", "upstream_ms"
"""Keys that the configuration adds to the log."""

_STARTED = re.compile(r"^process_start_time_seconds (\S+)$", re.MULTILINE)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What counts of a line of the log."""

    status: int
    duration: float
    """Seconds, until the user had it."""
    upstream: str = ""
    upstream_ms: float | str | None = None
    """Until the server's answer began; none where it gave none."""


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """All that was read so far, by address."""

    mark: Mark = Mark()
    servers: Mapping[str, Tally] = msgspec.field(default_factory=dict)


def life_of(api: AdminApi) -> str:
    """Which process it is: the time of its start.

    Raises:
        OutOfReach: nobody answers.
    """
    found = _STARTED.search(api.get("/metrics").text)
    return found[1] if found else ""


def tallies(
    log: Path, life: str, servers: Mapping[str, tuple[str, ...]], *, file: Path, writes: bool
) -> tuple[str, Mapping[str, Tally]]:
    """(life of the counters, counters by model); the sums so far are in `file`.

    Raises:
        OutOfReach: the log cannot be read.
    """
    before = _read(file)
    mark, lines = read_on(log, before.mark)
    kept = before.servers if mark.losses == before.mark.losses else {}
    after = Sums(mark=mark, servers=added([kept, _counted(lines)]))
    if writes and after != before:
        _write(file, after)
    every = [
        {model: after.servers.get(address, Tally())} for model, addresses in servers.items() for address in addresses
    ]
    return f"{life}/{mark.losses}", added(every)


def _counted(lines: Iterable[bytes]) -> Mapping[str, Tally]:
    requests: dict[str, int] = {}
    errors: dict[str, int] = {}
    latency: dict[str, list[int]] = {}
    decoder = msgspec.json.Decoder(Line)
    for text in lines:
        with suppress(msgspec.MsgspecError):
            line = decoder.decode(text)
            name = line.upstream
            requests[name] = requests.get(name, 0) + 1
            errors[name] = errors.get(name, 0) + (line.status >= 500)
            latency.setdefault(name, [0] * (len(LATENCY_EDGES) + 1))[_bucket(line)] += 1
    return {
        name: Tally(requests=count, errors=errors[name], latency=tuple(latency[name]))
        for name, count in requests.items()
    }


def _bucket(line: Line) -> int:
    """Of the time until the server's answer began; without an answer, of all the time there was."""
    told = line.upstream_ms
    return bisect_left(LATENCY_EDGES, told / 1000 if isinstance(told, int | float) else line.duration)


def _read(file: Path) -> Sums:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Sums)
    except (OSError, msgspec.MsgspecError):
        return Sums()


def _write(file: Path, sums: Sums) -> None:
    """Keep them; where the disk refuses, the log is read again from the last mark that was kept."""
    with suppress(OutOfReach):
        replace_file(file, msgspec.json.encode(sums).decode())
