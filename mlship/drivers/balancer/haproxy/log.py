"""Which life of HAProxy counts, and the latencies in its log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlship.drivers.balancer.haproxy.api import DENIED, RuntimeApi
from mlship.drivers.balancer.haproxy.ring import Buckets, Sums, summed
from mlship.drivers.balancer.sums import read_sums, write_sums
from mlship.errors import OutOfReach


def life_of(api: RuntimeApi) -> str:
    """Which process counts: a reload starts another one, whose counters begin at nothing.

    Raises:
        OutOfReach: nobody answers.
    """
    told = dict(line.split(": ", 1) for line in api.ask("show info").splitlines() if ": " in line)
    return "/".join(told[key] for key in ("Pid", "Start_time_sec") if key in told)


def latencies(api: RuntimeApi, ring: str, life: str, *, file: Path, writes: bool) -> Mapping[str, Buckets]:
    """Backend, or backend/server → answers per bucket; the sums so far are in `file`.

    Raises:
        OutOfReach: there is no such log, or it is not shown.
    """
    log = api.ask(f"show events {ring}")
    if DENIED in log or log.startswith("No such"):
        why = (
            "`level admin` or `level operator` in its `stats socket` line"
            if DENIED in log
            else f"a section `ring {ring}`"
        )
        raise OutOfReach(f"HAProxy {api.address} shows no log: {log.strip()}", hint=f"its configuration needs {why}")
    before = read_sums(file, Sums)
    after = summed(before, life, log)
    if writes and after is not before:
        write_sums(file, after)
    return after.buckets
