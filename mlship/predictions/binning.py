"""Distributions that are watched for drift: bins that are chosen once, from the first values of the live model."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mlship.errors import OutOfReach
from mlship.metrics.answers import Histogram
from mlship.plan.model import CaptureSettings, Reference
from mlship.predictions.prediction import category, text

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FIRST = 500
"""Values of the live model whose deciles are the edges; until there are as many, values wait."""
REFERENCE = "@reference"
"""Ends the name of a histogram whose `live` side is the reference file."""

_GATHER = """
INSERT INTO unbinned
SELECT seq, value.key, challenger, value.value, other."values"[value.key], segments
FROM (SELECT *, unnest(map_entries(live."values")) AS value FROM fresh)
WHERE other."values"[value.key] IS NOT NULL
"""
_RIPE = """
SELECT name FROM unbinned WHERE name NOT IN (SELECT name FROM edges) GROUP BY name HAVING count(*) >= ? ORDER BY name
"""
_DECILES = """
SELECT quantile_disc(live, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]), min(live)
FROM (SELECT live FROM unbinned WHERE name = ? ORDER BY seq LIMIT ?)
"""
_BINNED = """
SELECT challenger, segment, name, len(list_filter(edges, lambda edge: edge < live)),
    len(list_filter(edges, lambda edge: edge < other)), count(*)
FROM (SELECT unbinned.*, edges.edges, unnest([''] || segments) AS segment FROM unbinned JOIN edges USING (name))
GROUP BY ALL
"""

_NUMBERS = """
SELECT len(list_filter(?::DOUBLE[], lambda edge: edge < number)), count(*)
FROM (SELECT try_cast(value AS DOUBLE) AS number FROM ({})) WHERE isfinite(number) GROUP BY ALL
"""
_WORDS = """
SELECT value, count(*) FROM ({}) WHERE value IS NOT NULL AND try_cast(value AS DOUBLE) IS NULL GROUP BY ALL
"""


def prepare(connection: DuckDBPyConnection) -> None:
    """Put the fresh pairs' values with those that wait, and choose bins where there are enough of them."""
    connection.execute(_GATHER)
    for (name,) in connection.execute(_RIPE, [FIRST]).fetchall():
        deciles, least = connection.execute(_DECILES, [name, FIRST]).fetchone() or ([], 0.0)
        connection.execute("INSERT INTO edges VALUES (?, ?::DOUBLE[])", [name, list(chosen(deciles, least))])


def chosen(deciles: list[float], least: float) -> tuple[float, ...]:
    """Ascending edges. Where the first one is the least value too, what is lower than ever gets a bin of its own."""
    edges = tuple(sorted(set(deciles)))
    return (math.nextafter(least, -math.inf), *edges) if edges and edges[0] == least else edges


def take(connection: DuckDBPyConnection) -> Mapping[tuple[str, str, str], Histogram]:
    """Challenger, segment and name → the histogram of what has waited and has bins now; it waits no longer."""
    edges = _edges(connection)
    sides: dict[tuple[str, str, str], tuple[list[int], list[int]]] = {}
    for challenger, segment, name, live, other, n in connection.execute(_BINNED).fetchall():
        size = len(edges[name]) + 1
        counts = sides.setdefault((challenger, segment, name), ([0] * size, [0] * size))
        counts[0][live] += n
        counts[1][other] += n
    connection.execute("DELETE FROM unbinned WHERE name IN (SELECT name FROM edges)")
    return {
        key: Histogram(edges=edges[key[2]], live=tuple(live), challenger=tuple(other))
        for key, (live, other) in sides.items()
    }


def against_reference(
    taken: Mapping[tuple[str, str, str], Histogram], settings: CaptureSettings, connection: DuckDBPyConnection
) -> Mapping[tuple[str, str, str], Histogram]:
    """The same histograms with the reference file on the live side, whose counts are told once per challenger.

    What `drift` names is looked for in the file; prediction and scores where `columns` says which column they are.

    Raises:
        OutOfReach: the file or its column cannot be read.
    """
    reference = settings.reference
    if reference is None:
        return {}
    found: dict[tuple[str, str, str], Histogram] = {}
    compared = {*settings.drift, *reference.columns}
    for (challenger, segment, name), histogram in taken.items():
        if segment or name not in compared:
            continue
        told = connection.execute("SELECT 1 FROM known WHERE kind = ? AND value = ?", [f"reference {name}", challenger])
        first = told.fetchone() is None
        side = _counted(reference, name, histogram.edges, connection) if first else (0,) * len(histogram.live)
        if first:
            connection.execute("INSERT INTO known VALUES (?, ?)", [f"reference {name}", challenger])
        found[challenger, segment, name + REFERENCE] = Histogram(
            edges=histogram.edges, live=side, challenger=histogram.challenger
        )
    return found


def _edges(connection: DuckDBPyConnection) -> dict[str, tuple[float, ...]]:
    return {name: tuple(edges) for name, edges in connection.execute("SELECT name, edges FROM edges").fetchall()}


def _counted(
    reference: Reference, name: str, edges: tuple[float, ...], connection: DuckDBPyConnection
) -> tuple[int, ...]:
    import duckdb

    column = reference.columns.get(name, name).replace('"', '""')
    reader = {".parquet": "read_parquet", ".jsonl": "read_json", ".ndjson": "read_json", ".json": "read_json"}
    function = reader.get(Path(reference.file).suffix.lower(), "read_csv")
    value = f'SELECT "{column}"::VARCHAR AS value FROM {function}(?)'  # noqa: S608 - a quoted column
    try:
        numbers = connection.execute(_NUMBERS.format(value), [list(edges), reference.file]).fetchall()
        words = connection.execute(_WORDS.format(value), [reference.file]).fetchall()
    except duckdb.Error as error:
        first = str(error).partition("\n")[0]
        raise OutOfReach(
            f"the reference {reference.file} cannot be compared with {name}: {first}",
            hint="It is a CSV, JSON lines or Parquet file with a column of that name.",
        ) from error
    counts = Counter(dict(numbers))
    for word, n in words:
        counts[bisect_left(edges, category(text(word) or ""))] += n
    return tuple(counts[n] for n in range(len(edges) + 1))
