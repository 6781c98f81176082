"""Numbers from a database: PostgreSQL, SQLite, DuckDB, and Parquet, CSV or JSON files by way of DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from mlship.errors import UsageError
from mlship.metrics.address import addressed, shown
from mlship.metrics.base import Parts, Totals, number
from mlship.metrics.patience import TIMEOUT, Seconds, patiently

if TYPE_CHECKING:
    from mlship.metrics.databases import Reader, Table

_SCHEMES = ("postgresql", "postgres", "sqlite", "duckdb")


class SqlSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A query in SQL that yields one row.

    In it :model stands for the model's name, :since and :until for the interval asked about, in seconds since the epoch
    (in PostgreSQL: to_timestamp(:since)). The database gets them beside the query, and reads only.
    """

    url: str
    """postgresql://user:${env:PASSWORD}@host/database, sqlite:///file, duckdb:///file, or duckdb:// to query files."""
    query: str
    """SELECT with a column value, or with columns count, sum and, unless an outcome is 0 or 1, square (of outcomes)."""
    workdir: str = "."
    """Folder that relative paths start from."""
    timeout: Seconds = TIMEOUT
    """Seconds that one query may take, retries included."""


class Sql:
    """`Source` over a query. No row, and NULL in it, are no data; a count of 0 is none."""

    def __init__(self, spec: SqlSource, env: Mapping[str, str]) -> None:
        self._spec = spec
        self._env = env
        self._shown = shown(spec.url)

    def totals(self, model: str, since: float, until: float) -> Totals | None:
        """The columns count, sum and, where there is one, square."""
        row = self._row(model, since, until)
        if row is None:
            return None
        names = ["count", "sum", *(["square"] if "square" in row else [])]
        found = {name: self._number(row, name) for name in names}
        return Parts(**found, squared="square" in row).totals(source=self._shown)

    def value(self, model: str, since: float, until: float) -> float | None:
        """The column value."""
        row = self._row(model, since, until)
        return None if row is None else self._number(row, "value")

    def ping(self) -> None:
        """It can be opened."""
        self._table("SELECT 1 AS value", {})

    def _row(self, model: str, since: float, until: float) -> Mapping[str, Any] | None:
        table = self._table(self._spec.query, {"model": model, "since": since, "until": until})
        if len(table.rows) > 1:
            hint = "add the rows up: SELECT count(*) AS count, sum(...) AS sum ... without GROUP BY"
            raise UsageError(f"{self._shown}: the query yields more than one row", hint=hint)
        names = [name.lower() for name in table.columns]
        return dict(zip(names, table.rows[0], strict=True)) if table.rows else None

    def _number(self, row: Mapping[str, Any], name: str) -> float | None:
        if name not in row:
            said = f"{self._shown}: the query has no column {name}, only {', '.join(row)}"
            raise UsageError(said, hint=f"name one so: SELECT ... AS {name}")
        return number(row[name], what=f"{self._shown}: {name}")

    def _table(self, query: str, values: Mapping[str, str | float]) -> Table:
        from mlship.metrics.databases import Question

        address = addressed(self._spec.url, self._env)
        read = self._reader(address.full.partition(":")[0])
        question = Question(address=address, query=query, values=values, workdir=self._spec.workdir)
        return patiently(lambda seconds: read(question, seconds), timeout=self._spec.timeout)

    def _reader(self, scheme: str) -> Reader:
        from mlship.metrics import databases

        match scheme:
            case "postgresql" | "postgres":
                return databases.postgresql
            case "sqlite":
                return databases.sqlite
            case "duckdb":
                return databases.duckdb
            case _:
                hint = f"an address begins with {', '.join(f'{each}://' for each in _SCHEMES)}"
                raise UsageError(f"{self._shown}: nothing is known of such a database", hint=hint)
