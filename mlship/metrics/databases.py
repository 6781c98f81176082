"""One row from a database: read only, bounded in time, and every fault said in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from mlship.errors import MlshipError, OutOfReach, UsageError
from mlship.metrics.address import Address
from mlship.metrics.patience import Passing

if TYPE_CHECKING:
    from types import ModuleType

    from psycopg import Connection

_GRACE = 0.5
"""Seconds after its own timeout in which a database can still say so."""
_LEAST_CONNECT = 2
"""Seconds; libpq knows no shorter ones."""
_PULSE = 10_000
"""Steps of SQLite's machine between two looks at the time."""
_LIMITS: Mapping[str, Any] = {
    "memory_limit": "256MB",
    "threads": 2,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
"""Of DuckDB; nothing is fetched from the network."""
_TOKEN = re.compile(
    r"""
    '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | ::  # left alone
    | :(?P<name>model|since|until)\b
    """,
    re.DOTALL | re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A query, and where to put it."""

    address: Address
    query: str
    values: Mapping[str, str | float]
    workdir: str

    @property
    def path(self) -> Path:
        """The file behind `scheme:///file`."""
        return Path(self.workdir) / self.address.bare.partition("://")[2].removeprefix("/")

    def wrong(self, error: Exception | str) -> UsageError:
        """The query cannot be carried out."""
        said = self.address.secrets.quoted(str(error))
        return UsageError(f"{self.address.shown} refuses the query: {said}", hint="correct the query in the plan")

    def late(self) -> OutOfReach:
        """It takes too long."""
        hint = "give it a longer timeout, or its table an index"
        return OutOfReach(f"{self.address.shown}: the query was not over in time", hint=hint)

    def away(self, error: Exception) -> Passing:
        """The database cannot be read now."""
        said = self.address.secrets.quoted(str(error)) or type(error).__name__
        hint = "see that it is there, runs, and can be reached from here"
        return Passing(f"{self.address.shown} cannot be read: {said}", hint=hint)


@dataclass(frozen=True, slots=True)
class Table:
    """What a query yields: at most two rows of it, since one is meant."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


Reader = Callable[[Question, float], Table]
"""Reads a table within so many seconds, or raises OutOfReach or UsageError."""


def rewritten(query: str, before: str, after: str) -> str:
    """The query with :model, :since and :until as a database wants them; texts, names and comments stay as they are."""

    def token(match: re.Match[str]) -> str:
        return f"{before}{match['name']}{after}" if match["name"] else match[0]

    return _TOKEN.sub(token, query)


def postgresql(question: Question, seconds: float) -> Table:
    """One read-only transaction, taken back at its end."""
    psycopg = _psycopg()
    patience = max(ceil(seconds), _LEAST_CONNECT)
    try:
        with (
            closing(
                psycopg.connect(question.address.full, connect_timeout=patience, application_name="mlship")
            ) as connection,
            _cut_after(connection, seconds + _GRACE),
        ):
            connection.read_only = True
            limit = str(max(int(seconds * 1000), 1))
            connection.execute("SELECT set_config('statement_timeout', %s, true)", [limit])
            # A cursor of the server's: it takes a SELECT only, and hands over no more rows than are wanted.
            with connection.cursor("mlship") as cursor:
                cursor.execute(rewritten(question.query.replace("%", "%%"), "%(", ")s"), dict(question.values))
                columns = tuple(column.name for column in cursor.description or ())
                return Table(columns, cursor.fetchmany(2))
    except psycopg.Error as error:
        raise _postgresql_fault(psycopg, question, error) from error


def _psycopg() -> ModuleType:
    try:
        import psycopg
    except ImportError as error:
        raise UsageError("PostgreSQL needs psycopg", hint="pip install 'mlship[sql]'") from error
    return psycopg


@contextmanager
def _cut_after(connection: Connection[Any], seconds: float) -> Iterator[None]:
    """Hang up on a server that says nothing more: waiting for it knows no end of its own."""
    import os
    import socket
    import threading

    with socket.socket(fileno=os.dup(connection.fileno())) as line:

        def hang_up() -> None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(seconds, hang_up)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def _postgresql_fault(psycopg: ModuleType, question: Question, error: Any) -> MlshipError:  # noqa: ANN401
    wrong = (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError, psycopg.InternalError)
    if isinstance(error, psycopg.errors.QueryCanceled):
        return question.late()
    if isinstance(error, wrong):
        return question.wrong(error)
    return question.away(error)


def sqlite(question: Question, seconds: float) -> Table:
    """The file is opened for reading."""
    import sqlite3
    from urllib.parse import quote

    ends = monotonic() + seconds
    try:
        place = f"file:{quote(str(question.path))}?mode=ro"
        with closing(sqlite3.connect(place, uri=True, timeout=seconds)) as connection:
            connection.set_progress_handler(lambda: monotonic() > ends, _PULSE)
            # Reads the file, which nothing has done so far: a query need not.
            connection.execute("PRAGMA schema_version")
            cursor = connection.execute(question.query, dict(question.values))
            if cursor.description is None:
                raise question.wrong("it is no SELECT")
            return Table(tuple(column[0] for column in cursor.description), cursor.fetchmany(2))
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _sqlite_fault(question, error) from error


def _sqlite_fault(question: Question, error: Exception) -> MlshipError:
    import sqlite3

    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:
        case sqlite3.SQLITE_INTERRUPT:
            return question.late()
        case sqlite3.SQLITE_ERROR | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_MISMATCH | sqlite3.SQLITE_RANGE:
            return question.wrong(error)
        case _:
            return question.away(error)


def duckdb(question: Question, seconds: float) -> Table:
    """A file opened for reading, or none: the query then reads from files itself."""
    import threading

    import duckdb as engine

    nowhere = question.address.bare == "duckdb://"
    try:
        with engine.connect(
            ":memory:" if nowhere else str(question.path), read_only=not nowhere, config=dict(_LIMITS)
        ) as connection:
            timer = threading.Timer(seconds, connection.interrupt)
            timer.start()
            try:
                return _selected(question, connection)
            finally:
                timer.cancel()
                timer.join()
    except engine.Error as error:
        raise _duckdb_fault(question, error) from error


def _selected(question: Question, connection: Any) -> Table:  # noqa: ANN401
    import duckdb as engine

    folder = str(Path(question.workdir).absolute()).replace("'", "''")
    connection.execute(f"SET file_search_path = '{folder}'")
    match connection.extract_statements(rewritten(question.query, "$", "")):
        case [statement] if statement.type == engine.StatementType.SELECT:
            values = {name: question.values[name] for name in statement.named_parameters if name in question.values}
            connection.execute(statement, values)
            return Table(tuple(column[0] for column in connection.description), connection.fetchmany(2))
        case _:
            raise question.wrong("it is not one SELECT")


def _duckdb_fault(question: Question, error: Exception) -> MlshipError:
    import duckdb as engine

    wrong = (engine.ProgrammingError, engine.DataError, engine.NotSupportedError)
    if isinstance(error, engine.InterruptException):
        return question.late()
    return question.wrong(error) if isinstance(error, wrong) else question.away(error)
