"""Numbers of a real PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlship.errors import OutOfReach, UsageError
from mlship.metrics.base import Source, Totals, difference
from mlship.metrics.registry import sourced
from mlship.metrics.sql import SqlSource
from tests.engines import need
from tests.metrics.engines import PASSWORD, Database
from tests.metrics.service import Reply, Service
from tests.ports import free_port
from tests.support.site import until

ORDERS = """
    SELECT count(*) AS count, sum(euros) AS sum, sum(euros * euros) AS square  -- not :this
    FROM orders WHERE model = :model AND at >= to_timestamp(:since) AND at < to_timestamp(:until)
"""


@pytest.fixture
def orders(postgres: Database) -> Iterator[Database]:
    """A table of orders."""
    postgres.execute("CREATE TABLE orders (model text, euros numeric, at timestamptz)")
    yield postgres
    postgres.execute("DROP TABLE orders")


def add(database: Database, *orders: tuple[str, float, float]) -> None:
    for model, euros, at in orders:
        database.execute(f"INSERT INTO orders VALUES ('{model}', {euros}, to_timestamp({at}))")


def source(database: Database, query: str, timeout: float = 10.0) -> Source:
    url = f"postgresql://shop:${{env:PW}}@127.0.0.1:{database.port}/postgres"
    return sourced(SqlSource(url=url, query=query, timeout=timeout), {"PW": PASSWORD})


def value(source: Source) -> float | None:
    return source.value("v2", 0, 60)


def test_the_sums_of_a_model_in_an_interval(orders: Database) -> None:
    """The beginning belongs to the interval, the end does not; a late order counts in the next reading."""
    add(orders, ("v2", 10.5, 99.999), ("v2", 2.5, 100), ("v2", 4, 159.999), ("v2", 8, 160), ("v1", 99, 120))
    asked = source(orders, ORDERS)

    first = asked.totals("v2", 100, 160)
    add(orders, ("v2", 1, 101))
    second = asked.totals("v2", 100, 170)

    assert first == Totals(count=2, sum=6.5, square=22.25)
    assert difference(first, second) == Totals(count=2, sum=9, square=65)


def test_no_rows_are_zero_and_no_groups_no_data(orders: Database) -> None:
    """COUNT over nothing is a known 0; a GROUP BY that yields no row says nothing."""
    assert source(orders, ORDERS).totals("v2", 0, 60) == Totals()
    assert source(orders, ORDERS + "GROUP BY model").totals("v2", 0, 60) is None
    assert value(source(orders, "SELECT avg(euros) AS value FROM orders")) is None
    assert value(source(orders, "SELECT 'NaN'::float AS value")) is None


def test_a_model_is_bound_and_never_pasted(orders: Database) -> None:
    """Whatever a name holds, it is compared, not carried out."""
    evil = "v2'; DROP TABLE orders; --"
    orders.execute(f"INSERT INTO orders VALUES ('{evil.replace(chr(39), chr(39) * 2)}', 3, to_timestamp(1))")

    assert source(orders, ORDERS).totals(evil, 0, 60) == Totals(count=1, sum=3, square=9)


def test_a_query_is_taken_as_it_is_written(postgres: Database) -> None:
    """Percent signs, casts and placeholders in texts, names and comments are no parameters."""
    query = """
        SELECT (CASE WHEN 'a%%:model' LIKE 'a%%' AND :model::text = 'v2' THEN 100 % 7 END)::int /* :until */ AS value,
            ':since' AS ":until"
    """

    assert value(source(postgres, query)) == 2


def test_names_of_columns_may_be_written_large(postgres: Database) -> None:
    """A column is known whatever its case."""
    assert value(source(postgres, 'SELECT 3 AS "VALUE"')) == 3


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1 AS value, :modle", 'syntax error at or near ":"'),
        ("SELEC 1", "syntax error"),
        ("SELECT n AS value FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELECT 1 / 0 AS value", "division by zero"),
        ("SELECT 1 AS value; SELECT 2", "cannot insert multiple commands"),
        ("INSERT INTO kept VALUES (1)", "syntax error"),
        ("COMMIT", "syntax error"),
        ("", "syntax error"),
        ("SELECT setval('numbers', 9) AS value", "read-only transaction"),
        ("SELECT 1 AS x", "the query has no column value, only x"),
        ("SELECT '1' AS value", "value is no number but a text"),
        ("SELECT true AS value", "value is no number but true"),
        ("SELECT 1 AS value UNION ALL SELECT 2", "more than one row"),
    ],
)
def test_a_wrong_query_is_a_mistake_of_the_plan(postgres: Database, query: str, said: str) -> None:
    """The database's own words, and nothing written: the transaction is read-only, and one statement long."""
    postgres.execute("CREATE SEQUENCE IF NOT EXISTS numbers")

    with pytest.raises(UsageError) as caught:
        value(source(postgres, query))

    assert said in caught.value.message
    assert caught.value.message.startswith(f"postgresql://127.0.0.1:{postgres.port}/postgres")


def test_a_long_query_is_ended(postgres: Database) -> None:
    """The server ends it by itself, and does not go on with it for nobody."""
    with pytest.raises(OutOfReach, match="was not over in time"):
        value(source(postgres, "SELECT 1 AS value FROM pg_sleep(600)", timeout=0.5))

    until(lambda: not sleepers(postgres))


def sleepers(database: Database) -> list[int]:
    """Processes of the server that wait in `pg_sleep` for mlship."""
    found = database.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'mlship' AND state = 'active'")
    return [pid for (pid,) in found]


def test_a_server_that_hangs_is_given_up(postgres: Database) -> None:
    """One that neither answers nor closes the line, so that its own timeout cannot help, costs one reading."""
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(value, source(postgres, "SELECT 1 AS value FROM pg_sleep(600)", timeout=2.0))
        until(lambda: bool(sleepers(postgres)))
        (pid,) = sleepers(postgres)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(OutOfReach):
                reading.result(60.0)
        finally:
            os.kill(pid, signal.SIGCONT)
    until(lambda: not sleepers(postgres))


def test_a_server_that_never_greets_is_given_up(service: Service) -> None:
    """Something else listens there, and says nothing."""
    need("psycopg")
    service.say(Reply(silent=True))
    url = f"postgresql://ada@127.0.0.1:{service.server_port}/kpi"

    with pytest.raises(OutOfReach, match="cannot be read"):
        sourced(SqlSource(url=url, query="SELECT 1", timeout=1.0)).ping()


def test_nobody_there_is_out_of_reach() -> None:
    """A refused connection, told without the password."""
    need("psycopg")
    url = f"postgresql://ada:${{env:PW}}@127.0.0.1:{free_port()}/kpi?sslpassword=l1teral"

    with pytest.raises(OutOfReach, match=r"cannot be read: .*refused") as caught:
        value(sourced(SqlSource(url=url, query="SELECT 1 AS value"), {"PW": "p@ssw0rd"}))

    said = caught.value.message + caught.value.hint
    assert not [secret for secret in ("p@ssw0rd", "p%40ssw0rd", "ssw0rd", "l1teral") if secret in said]


def test_a_host_from_the_environment_is_not_shown() -> None:
    """Whatever a variable holds is nobody's business, although libpq would tell it."""
    need("psycopg")
    url = f"postgresql://ada@${{env:HOST}}:{free_port()}/kpi"

    with pytest.raises(OutOfReach, match=r'server at "\*\*\*"') as caught:
        value(sourced(SqlSource(url=url, query="SELECT 1 AS value"), {"HOST": "127.0.0.1"}))

    assert "127.0.0.1" not in caught.value.message


def test_a_wrong_password_is_not_shown(postgres: Database) -> None:
    """The server's refusal names the user at most."""
    url = f"postgresql://shop:${{env:PW}}@127.0.0.1:{postgres.port}/postgres"

    with pytest.raises(OutOfReach, match="password authentication failed") as caught:
        sourced(SqlSource(url=url, query="SELECT 1"), {"PW": "wr0ng/p@ss"}).ping()

    said = caught.value.message + caught.value.hint
    assert not [secret for secret in ("wr0ng/p@ss", "wr0ng%2Fp%40ss", "wr0ng", PASSWORD) if secret in said]


def test_a_strange_option_is_a_mistake_of_the_plan() -> None:
    """What libpq does not know in an address is said, without the rest of it."""
    need("psycopg")

    with pytest.raises(UsageError, match="sslmod") as caught:
        sourced(SqlSource(url="postgresql://ada:s3cret@db.test/kpi?sslmod=require", query="SELECT 1")).ping()

    assert "s3cret" not in caught.value.message


def test_a_ping_logs_in(postgres: Database) -> None:
    """It can be reached, and lets us in."""
    source(postgres, "not looked at").ping()


def test_a_missing_psycopg_is_named(tmp_path: Path) -> None:
    """Where the extra is not installed, or does not work, the message says how to get it."""
    Path(tmp_path, "psycopg.py").write_text('raise ImportError("no pq wrapper available")\n')
    script = """
from mlship.errors import UsageError
from mlship.metrics.registry import sourced
from mlship.metrics.sql import SqlSource
try:
    sourced(SqlSource(url="postgresql://db.test/kpi", query="SELECT 1")).ping()
except UsageError as error:
    print(error.message, "|", error.hint)
"""
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))

    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "PostgreSQL needs psycopg | pip install 'mlship[sql]'"
