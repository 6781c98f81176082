"""Live and challenger side by side: which pairs and which labels are new. DuckDB joins; nothing old is read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from mlship.metrics.answers import Answers
from mlship.plan.model import CaptureSettings
from mlship.plan.routing import WHOLE
from mlship.predictions import sums
from mlship.predictions.intake import HOT, count, newest

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LATE = 30.0
"""Seconds after which a challenger's answer is no longer waited for."""
SEARCH = 60.0
"""Seconds between two searches for labels among all pairs; each look searches the latest `HOT` ones."""
ORPHAN = 600.0
"""Seconds for which a challenger's answer waits for the live one, and a label for its pair."""

# A live answer meets each challenger once; one side that cannot be read is no pair.
_MEET = """
CREATE OR REPLACE TEMP TABLE meeting AS
SELECT live.seq AS live_seq, other.seq AS other_seq, live.key, live.id, live."at", other.model AS challenger,
    other.why, live.segments,
    struct_pack(prediction := live.prediction, probability := live.probability, scores := live.scores,
        "values" := live."values", segments := live.segments) AS live,
    struct_pack(prediction := other.prediction, probability := other.probability, scores := other.scores,
        "values" := other."values", segments := other.segments) AS other
FROM waiting AS live JOIN waiting AS other ON live.key = other.key AND live.id = other.id
WHERE live.role = 'live' AND live.model = $live AND live.why = '' AND live."at" >= $since
    AND other.role = 'shadow' AND list_contains($challengers::VARCHAR[], other.model)
"""
_FRESH = """
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT nextval('numbers') AS seq, key, id, "at", challenger, live, other, segments FROM meeting WHERE why = ''
"""
# Known by the challenger's own line, or by there being none where every request was mirrored.
_UNPAIRED = """
CREATE OR REPLACE TEMP TABLE unpaired AS
SELECT challenger, segments FROM meeting WHERE why <> ''
UNION ALL
SELECT whole.challenger, live.segments
FROM waiting AS live, (SELECT unnest($whole::VARCHAR[]) AS challenger) AS whole
WHERE live.role = 'live' AND live.model = $live AND live.why = '' AND live."at" >= $since
    AND live."at" < $now - $late
    AND NOT EXISTS (SELECT 1 FROM met WHERE met.seq = live.seq AND met.challenger = whole.challenger)
"""
_LEFT = """
DELETE FROM waiting WHERE seq IN (SELECT other_seq FROM meeting)
    OR (role = 'live' AND "at" < $now - $late) OR "at" < $now - $orphan
"""
_SIDES = (
    '{"live":{"prediction":"VARCHAR","probability":"MAP(VARCHAR,DOUBLE)"},'
    '"other":{"prediction":"VARCHAR","probability":"MAP(VARCHAR,DOUBLE)"},"segments":"VARCHAR[]"}'
)
"""What a pair keeps until its label comes, as one text: a search reads no more columns than it must."""
_KEEP = """
INSERT INTO pairs BY NAME
SELECT seq, key, id, "at", challenger, to_json(struct_pack(
    live := struct_pack(prediction := live.prediction, probability := live.probability),
    other := struct_pack(prediction := other.prediction, probability := other.probability),
    segments := segments))::VARCHAR AS sides
FROM fresh
"""
_TRUTHS = """
CREATE OR REPLACE TEMP TABLE truths AS
SELECT key, id, arg_max(truth, "at") AS truth FROM labels WHERE truth IS NOT NULL GROUP BY key, id
"""
_HITS = """
CREATE OR REPLACE TEMP TABLE hits AS
SELECT pairs.*, truths.truth FROM pairs JOIN truths ON pairs.key = truths.key AND pairs.id = truths.id
WHERE pairs.seq > $floor AND pairs."at" >= $since AND list_contains($challengers::VARCHAR[], challenger)
"""
# An id that was used again has one truth: it is the first answer's.
_JUDGED = f"""
CREATE OR REPLACE TEMP TABLE judged AS
SELECT challenger, truth, pair.live, pair.other, pair.segments FROM (
    SELECT challenger, truth, from_json_strict(sides, '{_SIDES}') AS pair
    FROM hits QUALIFY row_number() OVER (PARTITION BY id, challenger ORDER BY seq) = 1)
"""  # noqa: S608 - constants


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a look wants to know. Times are seconds since the epoch, shares basis points."""

    live: str
    challengers: Mapping[str, int]
    since: float
    now: float
    """Earlier by as much as lines may come late."""
    settings: CaptureSettings

    @property
    def scope(self) -> str:
        """What tells one comparison from another."""
        return f"{self.live} {self.since!r}"

    @property
    def names(self) -> list[str]:
        """The challengers."""
        return sorted(self.challengers)


def told(asked: Asked, connection: DuckDBPyConnection) -> tuple[Mapping[str, Answers], int]:
    """What is new, and its mark: what was told and never settled is told again."""
    if _read("scope", connection) != asked.scope:
        _begin(asked, connection)
    unsettled = connection.execute("SELECT answers, mark FROM batches ORDER BY mark LIMIT 1").fetchone()
    if unsettled is not None:
        before = msgspec.json.decode(unsettled[0], type=dict[str, Answers])
        return {name: before.get(name, Answers()) for name in asked.names}, int(unsettled[1])
    _pair(asked, connection)
    _judge(asked, connection)
    answers = sums.answers(asked.names, asked.settings, connection)
    # A store that is made anew never gives a mark that an older one has given.
    mark = max(int(_read("mark", connection)) + 1, int(asked.now * 1000))
    _write("mark", str(mark), connection)
    connection.execute(
        "INSERT INTO batches VALUES (?, ?, ?)", [mark, asked.scope, msgspec.json.encode(answers).decode()]
    )
    return answers, mark


def _begin(asked: Asked, connection: DuckDBPyConnection) -> None:
    for table in ("batches", "unbinned", "edges", "known"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
    _write("scope", asked.scope, connection)


def _pair(asked: Asked, connection: DuckDBPyConnection) -> None:
    whole = [name for name in asked.names if asked.challengers[name] >= WHOLE]
    who = {"live": asked.live, "since": asked.since}
    age = {"now": asked.now, "late": LATE}
    connection.execute(_MEET, {**who, "challengers": asked.names})
    connection.execute("INSERT INTO met SELECT live_seq, challenger FROM meeting")
    connection.execute(_FRESH)
    connection.execute(_KEEP)
    connection.execute(_UNPAIRED, {**who, **age, "whole": whole})
    connection.execute(_LEFT, {**age, "orphan": ORPHAN})
    connection.execute("DELETE FROM met WHERE seq NOT IN (SELECT seq FROM waiting)")


def _judge(asked: Asked, connection: DuckDBPyConnection) -> None:
    searched = float(_read("searched", connection))
    everywhere = not 0 <= asked.now - searched < SEARCH
    floor = 0 if everywhere else newest(connection) - HOT
    connection.execute(_TRUTHS)
    connection.execute(_HITS, {"floor": floor, "since": asked.since, "challengers": asked.names})
    connection.execute(_JUDGED)
    connection.execute("DELETE FROM pairs WHERE seq > ? AND seq IN (SELECT seq FROM hits)", [floor])
    (hits,) = connection.execute("SELECT count(*) - (SELECT count(*) FROM judged) FROM hits").fetchone() or (0,)
    count({"labels of repeated ids": hits}, connection)
    if everywhere:
        connection.execute("DELETE FROM labels WHERE arrived < ?", [asked.now - ORPHAN])
        _write("searched", repr(asked.now), connection)


def _read(name: str, connection: DuckDBPyConnection) -> str:
    (value,) = connection.execute("SELECT value FROM settings WHERE name = ?", [name]).fetchone() or ("",)
    return str(value)


def _write(name: str, value: str, connection: DuckDBPyConnection) -> None:
    connection.execute("UPDATE settings SET value = ? WHERE name = ?", [value, name])
