"""What a look at the answers costs as the store grows: ten times the rows, the same new answers.

Each look takes 1 000 new requests (both sides) from the router's files, with 1 000 labels, half of them for requests of
long ago, and joins them. The two stores are looked at in turn, so a ratio compares neighbours in time. The rows that
were there before are made by DuckDB itself, not read from files: how they came there makes no difference to a look.

    look, 10x rows     time of a look with ten times the rows, against one with the base (median)
    mean look          the same over all looks: once a minute one of them searches all pairs for labels
    memory, 10x rows   peak of memory of a process that takes such looks

`--quick` compares 100 000 rows with 1 000 000. Up to a million rows every look searches all of them, so there a look
does grow somewhat; beyond, it does not.
"""

from __future__ import annotations

import base64
import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import uuid
from multiprocessing.connection import Connection
from pathlib import Path

from harness import Goal, arguments, finish, seconds

from mlship.clock import ManualClock
from mlship.plan.model import CaptureSettings
from mlship.predictions.intake import HOT
from mlship.predictions.store import Predictions

NEW = 1_000
"""Requests, and labels, of a look."""
EVERY = 5.0
"""Seconds between two looks: each twelfth searches everywhere."""
START = 1_000_000.0

_MADE = """
CREATE OR REPLACE TEMP TABLE made AS
SELECT nextval('numbers') AS seq, gen_random_uuid()::VARCHAR AS id, (n % 2)::VARCHAR AS prediction
FROM range({rows}) t(n)
"""
_PREDICTIONS = """
INSERT INTO predictions BY NAME
SELECT seq, hash(id) AS key, id, {at} AS "at", 'live' AS role, 'v1' AS model, 200 AS status, '' AS why, prediction,
    NULL::BLOB AS response FROM made
"""
_PAIRS = """
INSERT INTO pairs BY NAME
SELECT seq, hash(id) AS key, id, {at} AS "at", 'v2' AS challenger, '{{"live":{{"prediction":"' || prediction
    || '","probability":{{}}}},"other":{{"prediction":"' || prediction || '","probability":{{}}}},"segments":[]}}'
    AS sides FROM made
"""


def main() -> None:
    """Measure, print, exit."""
    asked = arguments("time and memory of a look at ten times as many kept answers")
    base = 100_000 if asked.quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        goals = measure(Path(folder), base=base, looks=24 if asked.quick else 60)
    finish(goals, as_json=asked.json)


def measure(folder: Path, *, base: int, looks: int) -> list[Goal]:
    """One process per store, so that each has its own peak of memory."""
    sites = [Worker(folder / f"{rows}", rows) for rows in (base, 10 * base)]
    times: list[list[float]] = [[], []]
    for _ in range(looks):
        for site, taken in zip(sites, times, strict=True):
            taken.append(site.look())
    small, large = (site.end() for site in sites)
    steady = [statistics.median(taken[1:]) for taken in times]
    told = f"{base:,} rows: {steady[0]:.3f} s a look, {small:.0f} MB; ten times: {steady[1]:.3f} s, {large:.0f} MB"
    print(told, file=sys.stderr)
    within = base < HOT
    return [
        Goal(name="look, 10x rows", value=steady[1] / steady[0], target=2.0 if within else 1.25),
        Goal(name="mean look, 10x rows", value=sum(times[1][1:]) / sum(times[0][1:]), target=2.0 if within else 1.5),
        Goal(name="memory, 10x rows", value=large / small, target=2.0 if within else 1.5),
    ]


class Worker:
    """A process with a store of its own."""

    def __init__(self, folder: Path, rows: int) -> None:
        fill(folder, rows)
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(folder, theirs))
        self._process.start()

    def look(self) -> float:
        """Seconds that a look took."""
        self._ours.send("look")
        return float(self._ours.recv())

    def end(self) -> float:
        """Peak of memory in megabytes."""
        self._ours.send("end")
        peak = float(self._ours.recv())
        self._process.join()
        return peak


def fill(folder: Path, rows: int) -> None:
    """A store with as many answers, none of them labelled."""
    kept = Predictions(folder / "kept", CaptureSettings(prediction="y", most=10**12), ManualClock(START))
    step = 250_000
    with kept.session():
        for first in range(0, rows, step):
            at = START - 3600.0 + first / rows * 3000.0
            for sql in (_MADE.format(rows=min(step, rows - first)), _PREDICTIONS.format(at=at), _PAIRS.format(at=at)):
                kept.query(sql)


def work(folder: Path, asked: Connection) -> None:
    """Take looks until told to end."""
    clock = ManualClock(START)
    kept = Predictions(folder / "kept", CaptureSettings(prediction="y", most=10**12), clock)
    spool = folder / "captures"
    spool.mkdir()
    old = [row[0] for row in kept.query("SELECT id FROM pairs USING SAMPLE 60000 ROWS")]
    while asked.recv() == "look":
        clock.sleep(EVERY)
        write(spool, clock.now(), [old.pop() for _ in range(NEW // 2)])
        asked.send(seconds(lambda: look(kept, spool)))
    asked.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def look(kept: Predictions, spool: Path) -> None:
    """What the engine does."""
    with kept.session():
        kept.ingest(spool)
        _, mark = kept.answers("v1", {"v2": 10_000})
    kept.settle(mark)


def write(spool: Path, at: float, old: list[str]) -> None:
    """What the router writes in the meantime."""
    new = [str(uuid.uuid4()) for _ in range(NEW)]
    body = base64.b64encode(b'{"y": 1}').decode()
    with (spool / "predictions.jsonl").open("a") as stream:
        for name in new:
            for role, model in (("live", "v1"), ("shadow", "v2")):
                said = {"id": name, "at": at, "role": role, "model": model, "status": 200, "response": body}
                stream.write(json.dumps(said) + "\n")
    with (spool / "feedback.jsonl").open("a") as stream:
        for name in (*new[: NEW // 2], *old):
            stream.write(json.dumps({"id": name, "at": at, "name": "label", "value": 1}) + "\n")


if __name__ == "__main__":
    main()
