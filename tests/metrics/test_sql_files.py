"""Numbers of SQLite and DuckDB, and of files that DuckDB reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from mlship.errors import OutOfReach, UsageError
from mlship.metrics.base import Source, Totals
from mlship.metrics.databases import rewritten
from mlship.metrics.registry import sourced
from mlship.metrics.sql import SqlSource

ROWS = [("v2", 10.5, 99.9), ("v2", 2.5, 100.0), ("v2", 4.0, 159.9), ("v2", 8.0, 160.0), ("v1", 99.0, 120.0)]
ORDERS = """
    SELECT count(*) AS count, sum(euros) AS sum, sum(euros * euros) AS square
    FROM orders WHERE model = :model AND "at" >= :since AND "at" < :until
"""
FOREVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS value FROM n"


def into_sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute('CREATE TABLE orders (model TEXT, euros REAL, "at" REAL)')
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", ROWS)


def into_duckdb(path: Path) -> None:
    with duckdb.connect(path) as connection:
        connection.execute('CREATE TABLE orders (model TEXT, euros DECIMAL(9, 2), "at" DOUBLE)')
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", ROWS)


FILLED: Mapping[str, Callable[[Path], None]] = {"sqlite": into_sqlite, "duckdb": into_duckdb}


@pytest.fixture(params=FILLED)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database in the file `kpi`."""
    FILLED[request.param](tmp_path / "kpi")
    return str(request.param)


def source(kind: str, folder: Path, query: str = ORDERS, timeout: float = 10.0) -> Source:
    return sourced(SqlSource(url=f"{kind}:///kpi", query=query, workdir=str(folder), timeout=timeout))


def value(source: Source) -> float | None:
    return source.value("v2", 0, 60)


def test_the_sums_of_a_model_in_an_interval(kind: str, tmp_path: Path) -> None:
    """The beginning belongs to the interval, the end does not; no orders are a known zero."""
    asked = source(kind, tmp_path)

    assert asked.totals("v2", 100, 160) == Totals(count=2, sum=6.5, square=22.25)
    assert asked.totals("v9", 100, 160) == Totals()
    assert asked.totals("v2' OR 1 = 1 --", 100, 160) == Totals()


def test_a_group_that_is_empty_is_no_data(kind: str, tmp_path: Path) -> None:
    """No row says nothing, and neither does NULL."""
    assert source(kind, tmp_path, ORDERS + "GROUP BY model").totals("v9", 0, 60) is None
    assert value(source(kind, tmp_path, "SELECT NULL AS value")) is None


def test_a_path_may_be_absolute(kind: str, tmp_path: Path) -> None:
    """Four slashes, as everywhere."""
    spec = SqlSource(url=f"{kind}:///{tmp_path}/kpi", query="SELECT count(*) AS value FROM orders", workdir="/nowhere")

    assert value(sourced(spec)) == 5


def test_placeholders_need_not_all_be_used(kind: str, tmp_path: Path) -> None:
    """A query may take what it needs."""
    assert value(source(kind, tmp_path, "SELECT :until AS value -- :model")) == 60


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELEC 1", "syntax error"),
        ("SELECT n FROM nowhere", "nowhere"),
        ("SELECT :modle AS value", ":"),
        ("SELECT 1 AS value; SELECT 2 AS value", "one"),
        ("DELETE FROM orders", ""),
        ("INSERT INTO orders VALUES ('v2', 1, 1)", ""),
        ("CREATE TABLE more (n INTEGER)", ""),
        ("", ""),
        ("SELECT 1 AS x, 2 AS y", "has no column value, only x, y"),
        ("SELECT 'one' AS value", "value is no number but a text"),
        ("SELECT euros AS value FROM orders", "more than one row"),
    ],
)
def test_a_wrong_query_is_a_mistake_of_the_plan(kind: str, tmp_path: Path, query: str, said: str) -> None:
    """What is no single SELECT of one row is refused, and nothing is written."""
    before = (tmp_path / "kpi").read_bytes()

    with pytest.raises(UsageError) as caught:
        value(source(kind, tmp_path, query))

    assert said in caught.value.message
    assert caught.value.message.startswith(f"{kind}:///kpi")
    assert (tmp_path / "kpi").read_bytes() == before


def test_a_long_query_is_ended(kind: str, tmp_path: Path) -> None:
    """A query without an end does not hold a look up."""
    with pytest.raises(OutOfReach, match="was not over in time"):
        value(source(kind, tmp_path, FOREVER, timeout=0.3))


@pytest.mark.parametrize("content", [None, b"garbage" * 1000], ids=["missing", "garbage"])
@pytest.mark.parametrize("name", FILLED)
def test_a_file_that_cannot_be_read_is_out_of_reach(name: str, content: bytes | None, tmp_path: Path) -> None:
    """A file that is not there is not made, and another kind of file is no database."""
    if content:
        (tmp_path / "kpi").write_bytes(content)

    with pytest.raises(OutOfReach, match="cannot be read"):
        source(name, tmp_path, timeout=1.0).ping()
    assert (tmp_path / "kpi").exists() is (content is not None)


def test_a_ping_opens_the_file(kind: str, tmp_path: Path) -> None:
    """It is there, and of its kind; the query is not looked at."""
    source(kind, tmp_path, "nonsense").ping()


def test_a_locked_sqlite_is_out_of_reach(tmp_path: Path) -> None:
    """Somebody writes, and goes on writing."""
    into_sqlite(tmp_path / "kpi")
    with closing(sqlite3.connect(tmp_path / "kpi", isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")

        with pytest.raises(OutOfReach, match="locked"):
            value(source("sqlite", tmp_path, "SELECT count(*) AS value FROM orders", timeout=0.3))


@pytest.mark.parametrize("suffix", ["parquet", "csv", "json"])
def test_files_are_tables(suffix: str, tmp_path: Path) -> None:
    """Without a database the query reads files, from the folder that it is given."""
    into_duckdb(tmp_path / "kpi")
    with duckdb.connect(tmp_path / "kpi") as connection:
        connection.execute(f"COPY orders TO '{tmp_path}/day-1.{suffix}'")
    query = ORDERS.replace("FROM orders", f"FROM 'day-*.{suffix}'")

    spec = SqlSource(url="duckdb://", query=query, workdir=str(tmp_path))
    assert sourced(spec).totals("v2", 100, 160) == Totals(count=2, sum=6.5, square=22.25)


def test_no_file_is_written(tmp_path: Path) -> None:
    """COPY is no SELECT."""
    query = f"COPY (SELECT 1) TO '{tmp_path}/out.csv'"

    with pytest.raises(UsageError, match="it is not one SELECT"):
        value(sourced(SqlSource(url="duckdb://", query=query)))
    assert list(tmp_path.iterdir()) == []


def test_missing_files_are_out_of_reach(tmp_path: Path) -> None:
    """The export of the day may not be there yet."""
    spec = SqlSource(url="duckdb://", query="SELECT 1 AS value FROM 'day.parquet'", workdir=str(tmp_path), timeout=1.0)

    with pytest.raises(OutOfReach, match=r"day\.parquet"):
        value(sourced(spec))


def test_an_unknown_database_is_refused() -> None:
    """The message names those that are known."""
    with pytest.raises(UsageError, match="nothing is known of such a database") as caught:
        value(sourced(SqlSource(url="mysql://db.test/kpi", query="SELECT 1")))

    assert "postgresql://" in caught.value.hint


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a = :model AND b < :until", "a = <model> AND b < <until>"),
        ("':model' || ':it''s :since'", "':model' || ':it''s :since'"),
        ('SELECT ":model" FROM t -- :model\n WHERE x = :model', 'SELECT ":model" FROM t -- :model\n WHERE x = <model>'),
        ("/* :model\n :since */ :since::float, x::model", "/* :model\n :since */ <since>::float, x::model"),
        (":models :model_id :modle ':model", ":models :model_id :modle '<model>"),
    ],
)
def test_placeholders_are_found_where_sql_has_them(query: str, expected: str) -> None:
    """Not in texts, quoted names, comments and casts, and not as a part of another word."""
    assert rewritten(query, "<", ">") == expected
