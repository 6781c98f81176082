"""The DuckDB file behind the kept answers: opened for a moment, private, and every fault said in words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlship.errors import OutOfReach
from mlship.private import make_private

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FORMAT = 2
"""Of the tables."""
MEMORY = "256MB"
"""What DuckDB may take, however many answers are kept."""
ROWS = 61_440
"""In a group: each look writes the last group anew, and a search holds a block of each that it deletes from."""

_PAYLOAD = """
    prediction VARCHAR, probability MAP(VARCHAR, DOUBLE), scores MAP(VARCHAR, DOUBLE), "values" MAP(VARCHAR, DOUBLE),
    segments VARCHAR[]"""
_FIRST = f"""
CREATE SEQUENCE numbers;
CREATE TABLE settings (name VARCHAR, value VARCHAR);
CREATE TABLE files (name VARCHAR, "offset" BIGINT, since DOUBLE);
CREATE TABLE counts (name VARCHAR, n BIGINT);
CREATE TABLE predictions (seq BIGINT, key UBIGINT, id VARCHAR, "at" DOUBLE, role VARCHAR, model VARCHAR,
    status INTEGER, ms DOUBLE, unit VARCHAR, why VARCHAR, {_PAYLOAD}, response BLOB, request BLOB);
CREATE TABLE waiting (seq BIGINT, key UBIGINT, id VARCHAR, "at" DOUBLE, role VARCHAR, model VARCHAR, why VARCHAR,
    {_PAYLOAD});
CREATE TABLE met (seq BIGINT, challenger VARCHAR);
CREATE TABLE pairs (seq BIGINT, key UBIGINT, id VARCHAR, "at" DOUBLE, challenger VARCHAR, sides VARCHAR);
CREATE TABLE unbinned (seq BIGINT, name VARCHAR, challenger VARCHAR, live DOUBLE, other DOUBLE, segments VARCHAR[]);
CREATE TABLE edges (name VARCHAR, edges DOUBLE[]);
CREATE TABLE known (kind VARCHAR, value VARCHAR);
CREATE TABLE outcomes (key UBIGINT, id VARCHAR, name VARCHAR, value VARCHAR, "at" DOUBLE, arrived DOUBLE);
CREATE TABLE labels (key UBIGINT, id VARCHAR, truth VARCHAR, "at" DOUBLE, arrived DOUBLE);
CREATE TABLE batches (mark BIGINT, scope VARCHAR, answers VARCHAR);
INSERT INTO settings VALUES ('format', '1'), ('mark', '0'), ('searched', '0'), ('scope', '');
"""  # noqa: S608 - constants
_SECOND = """
CREATE SEQUENCE reports;
ALTER TABLE predictions ADD COLUMN covariate DOUBLE;
ALTER TABLE outcomes ADD COLUMN seq BIGINT;
CREATE TABLE units (unit UBIGINT, arm VARCHAR, "at" DOUBLE, place DOUBLE, covariate DOUBLE);
CREATE TABLE comparison (scope VARCHAR, read BIGINT, searched DOUBLE, checked BIGINT, unknown BIGINT);
UPDATE settings SET value = '2' WHERE name = 'format';
"""
_FORMATS = (_FIRST, _SECOND)
"""What makes each format of the one before: older stores are brought up to date where they are."""


class Database:
    """One file, open only inside `opened`: other commands get their turn between two looks.

    Every use raises `OutOfReach` where the file cannot be read or written. `patience` is how many seconds to wait for
    another process that has it open.
    """

    def __init__(self, path: Path, *, patience: float) -> None:
        self.path = path
        self._patience = patience
        self._connection: DuckDBPyConnection | None = None

    @contextmanager
    def opened(self) -> Iterator[DuckDBPyConnection]:
        """The connection; nested uses share it."""
        if self._connection is not None:
            yield self._connection
            return
        with self._faults():
            self._connection = self._connect()
            try:
                yield self._connection
            finally:
                connection, self._connection = self._connection, None
                connection.close()

    @contextmanager
    def write(self) -> Iterator[DuckDBPyConnection]:
        """One transaction: all of it on disk when the block ends, or nothing."""
        with self.opened() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            except BaseException:
                _roll_back(connection)
                raise
            connection.execute("COMMIT")

    def _connect(self) -> DuckDBPyConnection:
        import tenacity

        make_private(self.path.parent)
        retried = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_locked),
            wait=tenacity.wait_exponential(multiplier=0.05, max=0.5),
            stop=tenacity.stop_after_delay(self._patience),
            reraise=True,
        )
        connection: DuckDBPyConnection = retried(self._open)
        try:
            self._check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open(self) -> DuckDBPyConnection:
        import duckdb

        limits: dict[str, Any] = {
            "memory_limit": MEMORY,
            "checkpoint_threshold": "128MB",
            "threads": 2,
            "temp_directory": str(self.path.with_suffix(".tmp")),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": True,
        }
        before = os.umask(0o077)
        try:
            connection = duckdb.connect(config=limits)
            try:
                place = str(self.path).replace("'", "''")
                connection.execute(f"ATTACH '{place}' AS kept (ROW_GROUP_SIZE {ROWS}); USE kept")
            except BaseException:
                connection.close()
                raise
            return connection
        finally:
            os.umask(before)

    def _check(self, connection: DuckDBPyConnection) -> None:
        import duckdb

        try:
            found = connection.execute("SELECT value FROM settings WHERE name = 'format'").fetchone()
        except duckdb.CatalogException:
            empty = not connection.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary").fetchall()
            found = (0,) if empty else None
        if found is None or int(found[0]) > FORMAT:
            written = "a newer mlship" if found else "something else than mlship"
            raise OutOfReach(f"{self.path} was written by {written}", hint="Move it away to keep answers anew.")
        missing = _FORMATS[int(found[0]) :]
        if missing:
            connection.execute(f"BEGIN; {''.join(missing)} COMMIT;")

    @contextmanager
    def _faults(self) -> Iterator[None]:
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            raise _in_words(self.path, error) from error
        except OSError as error:
            raise OutOfReach(
                f"the kept answers {self.path} cannot be used: {error.strerror or error}",
                hint="Check that the state folder can be written.",
            ) from error


def _roll_back(connection: DuckDBPyConnection) -> None:
    from contextlib import suppress

    import duckdb

    with suppress(duckdb.Error):
        connection.execute("ROLLBACK")


def _is_locked(error: BaseException) -> bool:
    import duckdb

    said = str(error)
    return isinstance(error, duckdb.IOException) and ("lock on file" in said or "being used" in said)


def _in_words(path: Path, error: Exception) -> OutOfReach:
    if _is_locked(error):
        said = f"the kept answers {path} are in use by another mlship", "Try again in a moment."
    elif "not a valid DuckDB" in str(error) or "orrupt" in str(error) or "checksum" in str(error):
        said = f"the kept answers {path} are damaged", "Move the file away to keep answers anew."
    else:
        first = str(error).partition("\n")[0]
        said = (
            f"the kept answers {path} cannot be read or written: {first}",
            "Check the disk: its space and its rights.",
        )
    return OutOfReach(said[0], hint=said[1])
