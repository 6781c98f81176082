"""Fresh pairs and fresh labels, summed: what a look says of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlship.metrics.answers import Answers, Cell, Pairs, Scores
from mlship.plan.model import CaptureSettings
from mlship.predictions import binning

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST = 50
"""Different classes, and different values of a segment, that are told apart."""
OTHERS = "…"
"""The value of a segment that stands for all beyond `MOST`."""
_EPSILON = 2.220446049250313e-16
"""Probabilities are taken to be at least that far from 0 and 1, as scikit-learn does."""

_Key = tuple[str, str]
"""Challenger and segment; "" is all of them."""

_SPREAD = "(SELECT *, unnest([''] || segments) AS segment FROM {})"
_PAIRS = f"""
SELECT challenger, segment, count(*),
    count(*) FILTER (live.prediction = other.prediction)
FROM {_SPREAD.format("fresh")} GROUP BY ALL
"""  # noqa: S608 - constants
_UNPAIRED = f"SELECT challenger, segment, count(*) FROM {_SPREAD.format('unpaired')} GROUP BY ALL"  # noqa: S608
_LABELLED = f"""
SELECT challenger, segment, count(*),
    count(*) FILTER (live.prediction = truth AND other.prediction <> truth),
    count(*) FILTER (live.prediction <> truth AND other.prediction = truth)
FROM {_SPREAD.format("judged")} GROUP BY ALL
"""  # noqa: S608 - constants
_CELLS = f"""
SELECT challenger, segment, truth, live.prediction, other.prediction, count(*)
FROM {_SPREAD.format("judged")} GROUP BY ALL ORDER BY ALL
"""  # noqa: S608 - constants
_CLASSES = """
INSERT INTO known SELECT DISTINCT 'class', class FROM (
    SELECT unnest([truth, live.prediction, other.prediction]) AS class FROM judged)
WHERE class NOT IN (SELECT value FROM known WHERE kind = 'class') LIMIT ?
"""
_SCORED = f"""
WITH numbers AS (
    SELECT challenger, segments, truth, live.probability AS live_odds, other.probability AS other_odds,
        try_cast(truth AS DOUBLE) AS t, try_cast(live.prediction AS DOUBLE) AS l,
        try_cast(other.prediction AS DOUBLE) AS o
    FROM judged
), chances AS (
    SELECT *, coalesce(live_odds[truth], live_odds['']) AS p, coalesce(other_odds[truth], other_odds['']) AS q
    FROM numbers
), scored AS (
    SELECT challenger, segments, 'absolute_error' AS name, abs(l - t) AS live, abs(o - t) AS other FROM numbers
    UNION ALL
    SELECT challenger, segments, 'squared_error', (l - t) ** 2, (o - t) ** 2 FROM numbers
    UNION ALL
    SELECT challenger, segments, 'log_loss', -ln(least(greatest(p, {_EPSILON}), 1 - {_EPSILON})),
        -ln(least(greatest(q, {_EPSILON}), 1 - {_EPSILON})) FROM chances WHERE p IS NOT NULL AND q IS NOT NULL
    UNION ALL
    SELECT challenger, segments, score.key, score.value, other.scores[score.key]
    FROM (SELECT *, unnest(map_entries(live.scores)) AS score FROM fresh)
)
SELECT challenger, segment, name, count(*), fsum(live), fsum(other), fsum(other - live),
    fsum((other - live) ** 2)
FROM {_SPREAD.format("scored")} WHERE isfinite(live) AND isfinite(other) AND isfinite((other - live) ** 2) GROUP BY ALL
"""  # noqa: S608 - constants


def answers(names: Sequence[str], settings: CaptureSettings, connection: DuckDBPyConnection) -> dict[str, Answers]:
    """Challenger → what the temporary tables `fresh`, `unpaired` and `judged` hold, and the histograms."""
    for table in ("fresh", "unpaired", "judged"):
        _limit_segments(table, settings, connection)
    binning.prepare(connection)
    found = _counts(connection)
    for key, cells in _cells(connection).items():
        found[key]["cells"] = tuple(cells)
    for challenger, segment, name, *sums in connection.execute(_SCORED).fetchall():
        fields = dict(zip(("count", "live", "challenger", "difference", "square"), sums, strict=True))
        found[challenger, segment].setdefault("scores", {})[name] = Scores(**fields)
    taken = binning.take(connection)
    for (challenger, segment, name), histogram in {
        **taken,
        **binning.against_reference(taken, settings, connection),
    }.items():
        found[challenger, segment].setdefault("histograms", {})[name] = histogram
    return {name: _answers(name, found) for name in names}


def _counts(connection: DuckDBPyConnection) -> dict[_Key, dict[str, Any]]:
    found: dict[_Key, dict[str, Any]] = defaultdict(dict)
    for challenger, segment, pairs, agreed in connection.execute(_PAIRS).fetchall():
        found[challenger, segment].update(pairs=pairs, agreed=agreed)
    for challenger, segment, unpaired in connection.execute(_UNPAIRED).fetchall():
        found[challenger, segment].update(unpaired=unpaired)
    for challenger, segment, labelled, *right in connection.execute(_LABELLED).fetchall():
        found[challenger, segment].update(labelled=labelled, right=tuple(right))
    return found


def _cells(connection: DuckDBPyConnection) -> dict[_Key, list[Cell]]:
    (classes,) = connection.execute("SELECT count(*) FROM known WHERE kind = 'class'").fetchone() or (0,)
    if classes <= MOST:
        (new,) = connection.execute(_CLASSES, [MOST + 1]).fetchone() or (0,)
        classes += new
    found: dict[_Key, list[Cell]] = defaultdict(list)
    for challenger, segment, truth, live, other, n in connection.execute(_CELLS).fetchall() if classes <= MOST else ():
        found[challenger, segment].append(Cell(truth=truth, live=live, challenger=other, count=n))
    return found


def _limit_segments(table: str, settings: CaptureSettings, connection: DuckDBPyConnection) -> None:
    """Give the values of a segment beyond the first `MOST` one name: a look stays small whatever clients send."""
    for name in settings.segments:
        start = f"{name}="
        kind = f"segment {name}"
        connection.execute(
            f"""
            INSERT INTO known SELECT ?, segment FROM (
                SELECT segment, count(*) AS n FROM (SELECT unnest(segments) AS segment FROM {table})
                WHERE starts_with(segment, ?) AND segment NOT IN (SELECT value FROM known WHERE kind = ?)
                GROUP BY segment ORDER BY n DESC, segment
                LIMIT (SELECT greatest(0, {MOST} - count(*)) FROM known WHERE kind = ?))
            """,  # noqa: S608 - constants
            [kind, start, kind, kind],
        )
        known = [row[0] for row in connection.execute("SELECT value FROM known WHERE kind = ?", [kind]).fetchall()]
        connection.execute(
            f"""
            UPDATE {table} SET segments = list_transform(segments, lambda each:
                CASE WHEN starts_with(each, ?) AND NOT list_contains(?::VARCHAR[], each) THEN ? ELSE each END)
            """,  # noqa: S608 - constants
            [start, known, start + OTHERS],
        )


def _answers(name: str, found: Mapping[_Key, Mapping[str, Any]]) -> Answers:
    segments = {
        segment: Pairs(**fields)
        for (challenger, segment), fields in sorted(found.items())
        if challenger == name and segment
    }
    return Answers(total=Pairs(**found.get((name, ""), {})), segments=segments)
