"""Lines of the router's files become rows: each answer once, each outcome once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from mlship.predictions.prediction import NOT_KEPT, Prediction, Reader, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

HOT = 1_000_000
"""Latest rows (answers and pairs) among which every look searches for ids that it has met before."""
PORTION = 8 * 1024 * 1024
"""Bytes of answers that are handed to DuckDB at once."""

_ANSWER = (
    '{"id":"VARCHAR","at":"DOUBLE","role":"VARCHAR","model":"VARCHAR","status":"INTEGER","ms":"DOUBLE",'
    '"unit":"VARCHAR","why":"VARCHAR","prediction":"VARCHAR","probability":"MAP(VARCHAR,DOUBLE)",'
    '"scores":"MAP(VARCHAR,DOUBLE)","values":"MAP(VARCHAR,DOUBLE)","segments":"VARCHAR[]","response":"VARCHAR",'
    '"request":"VARCHAR","covariate":"DOUBLE"}'
)
_READ = f"""
CREATE OR REPLACE TEMP TABLE said AS
SELECT nextval('numbers') AS seq, hash(said.id) AS key, said.* FROM (
    SELECT unnest(from_json_strict(?::JSON, '[{_ANSWER}]')) AS said)
"""  # noqa: S608 - constants
# The first answer of an id counts, of the live model and of each challenger.
_MET_BEFORE = "SELECT min(seq), max(seq) FROM predictions WHERE seq > ? AND key IN (SELECT key FROM said)"
_REPEATED = """
DELETE FROM said WHERE seq IN (
    SELECT seq FROM said QUALIFY row_number() OVER (
        PARTITION BY id, role, CASE role WHEN 'shadow' THEN model END ORDER BY "at", seq) > 1
    UNION ALL
    SELECT said.seq FROM said JOIN predictions AS old ON said.key = old.key AND said.id = old.id
        AND said.role = old.role AND (said.role = 'live' OR said.model = old.model)
    WHERE old.seq BETWEEN ? AND ?)
"""
_KEEP = """
INSERT INTO predictions BY NAME
SELECT * REPLACE (from_base64(response) AS response, from_base64(request) AS request) FROM said
"""
# A live answer that cannot be read meets nobody.
_WAIT = """
INSERT INTO waiting BY NAME SELECT * EXCLUDE (status, ms, unit, response, request, covariate) FROM said
WHERE why = '' OR role = 'shadow'
"""
_COUNT = "INSERT INTO counts SELECT ?, ?"
_OUTCOME = '{"id":"VARCHAR","name":"VARCHAR","value":"VARCHAR","at":"DOUBLE","dated":"BOOLEAN"}'
_OUTCOMES = f"""
CREATE OR REPLACE TEMP TABLE told AS
SELECT hash(told.id) AS key, told.*, ?::DOUBLE AS arrived FROM (
    SELECT unnest(from_json_strict(?::JSON, '[{_OUTCOME}]')) AS told)
"""  # noqa: S608 - constants
_MATCHED = """
SELECT count(*) FROM told WHERE EXISTS (
    SELECT 1 FROM predictions AS kept WHERE kept.key = told.key AND kept.id = told.id AND kept.role = 'live')
"""
# A line without a time says the same again where it is the latest word, one with a time where that word has that time.
_KNOWN = """
DELETE FROM told WHERE rowid IN (
    SELECT rowid FROM told WHERE NOT dated
    QUALIFY row_number() OVER (PARTITION BY id, name ORDER BY "at" DESC, rowid DESC) > 1
    UNION ALL
    SELECT told.rowid FROM told JOIN (
        SELECT key, id, name, arg_max(value, "at") AS value FROM outcomes
        WHERE key IN (SELECT key FROM told) GROUP BY ALL) AS latest USING (key, id, name)
    WHERE NOT told.dated AND latest.value = told.value
    UNION ALL
    SELECT told.rowid FROM told JOIN outcomes AS old USING (key, id, name)
    WHERE told.dated AND old.value = told.value AND old."at" = told."at")
"""
_KEEP_OUTCOMES = "INSERT INTO outcomes BY NAME SELECT * EXCLUDE (dated), nextval('reports') AS seq FROM told"
_LABELS = 'INSERT INTO labels SELECT key, id, value, "at", arrived FROM told WHERE name = ?'


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What happened after a prediction: a line of `feedback.jsonl`."""

    id: str
    at: float | None
    """Seconds since the epoch; None, in files only: nobody says when."""
    name: str = "label"
    value: Any = None


def take_answers(lines: Iterable[bytes], reader: Reader, connection: DuckDBPyConnection) -> None:
    """Keep what the lines say, inside the transaction under way."""
    read = [reader.read(line) for line in lines]
    answers = [each for each in read if each is not None]
    counts = Counter(f"unreadable: {each.why}" for each in answers if each.why not in {"", NOT_KEPT})
    counts["answers"], counts["malformed lines"] = len(answers), len(read) - len(answers)
    for portion in _portions(answers):
        connection.execute(_READ, [_json(_row(each) for each in portion)])
        # Most are new: nothing but keys is read then.
        between = connection.execute(_MET_BEFORE, [newest(connection) - HOT]).fetchone() or (None, None)
        (repeated,) = connection.execute(_REPEATED, list(between)).fetchone() or (0,)
        counts["duplicates"] += repeated
        connection.execute(_KEEP)
        connection.execute(_WAIT)
    count(counts, connection)


def _portions(answers: Iterable[Prediction]) -> Iterator[list[Prediction]]:
    """As many at once as DuckDB has memory for."""
    portion: list[Prediction] = []
    size = 0
    for each in answers:
        portion.append(each)
        size += 1000 + len(each.response or b"") + len(each.request or b"")
        if size >= PORTION:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def take_feedback(lines: Iterable[bytes], label: str, now: float, connection: DuckDBPyConnection) -> None:
    """Keep what the lines of the feedback file say; those that say nothing are counted."""
    read = [_outcome(line) for line in lines]
    outcomes = [each for each in read if each is not None]
    if outcomes:
        _tell(outcomes, now, connection)
        _keep(label, connection)
    count({"outcomes": len(outcomes), "malformed feedback": len(read) - len(outcomes)}, connection)


def take_outcomes(
    outcomes: Sequence[Outcome], label: str, now: float, connection: DuckDBPyConnection
) -> tuple[int, int]:
    """Keep outcomes that are new; how many belong to a kept answer, and how many were known before."""
    if not outcomes:
        return 0, 0
    _tell(outcomes, now, connection)
    (matched,) = connection.execute(_MATCHED).fetchone() or (0,)
    (known,) = connection.execute(_KNOWN).fetchone() or (0,)
    _keep(label, connection)
    count({"outcomes": len(outcomes) - known}, connection)
    return matched, known


def _tell(outcomes: Iterable[Outcome], now: float, connection: DuckDBPyConnection) -> None:
    rows = [
        {
            "id": each.id,
            "name": each.name,
            "value": text(each.value),
            "at": now + n * 1e-6 if each.at is None else each.at,
            "dated": each.at is not None,
        }
        for n, each in enumerate(outcomes)
    ]
    connection.execute(_OUTCOMES, [now, _json(rows)])


def _keep(label: str, connection: DuckDBPyConnection) -> None:
    connection.execute(_KEEP_OUTCOMES)
    connection.execute(_LABELS, [label])


def newest(connection: DuckDBPyConnection) -> int:
    """A number above that of every row so far."""
    (number,) = connection.execute("SELECT nextval('numbers')").fetchone() or (0,)
    return int(number)


def count(counts: Mapping[str, int], connection: DuckDBPyConnection) -> None:
    """Add to what is told of the files."""
    for name, n in counts.items():
        if n:
            connection.execute(_COUNT, [name, n])


def _outcome(line: bytes) -> Outcome | None:
    try:
        said = msgspec.json.decode(line, type=Outcome)
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
        return None
    whole = said.id and said.name and said.value is not None
    return said if whole and said.at is not None and math.isfinite(said.at) else None


def _row(answer: Prediction) -> dict[str, Any]:
    return msgspec.structs.asdict(answer)


def _json(rows: Iterable[Mapping[str, Any]]) -> str:
    return msgspec.json.encode(list(rows)).decode()
