"""The SQLite file under the journal: opened late, created whole, and every fault said in words."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from mlship.errors import JournalUnavailable, UsageError
from mlship.private import make_private

APPLICATION = 0x6D6C7368
"""Marks the file as a journal of mlship ("mlsh")."""
VERSION = 1
"""Of the tables."""

_UNWRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
"""What SQLite says where it can make no log beside the file."""
_START_ANEW = "Restore it from a backup, or move it away to begin a new record."
_TABLES = f"""
PRAGMA synchronous = FULL;
PRAGMA journal_mode = WAL;
PRAGMA application_id = {APPLICATION};
BEGIN;
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    service TEXT NOT NULL,
    rollout TEXT NOT NULL,
    at REAL NOT NULL,
    fence INTEGER NOT NULL,
    milestone INTEGER NOT NULL,
    look INTEGER,
    body TEXT NOT NULL
);
CREATE INDEX events_of_service ON events (service, seq);
CREATE INDEX events_of_rollout ON events (service, rollout, seq);
CREATE INDEX milestones ON events (service, seq) WHERE milestone;
CREATE TABLE leases (
    service TEXT PRIMARY KEY,
    fence INTEGER NOT NULL,
    rollout TEXT NOT NULL,
    holder TEXT,
    since REAL NOT NULL,
    renewed REAL NOT NULL,
    ttl REAL NOT NULL
);
PRAGMA user_version = {VERSION};
COMMIT;
"""


class Database:
    """One connection to `journal.db`, shared by the threads of this process.

    Every method raises `JournalUnavailable` where the file cannot be read or written.
    """

    def __init__(self, folder: Path, *, patience: float) -> None:
        self.path = folder / "journal.db"
        self._patience = patience
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it on disk when the block ends, or nothing."""
        with self._lock, self._faults():
            if not self._is_there():
                self._create()
            elif not self._can_be_written():
                raise _read_only(self.path)
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def rows(self, query: str, **values: object) -> list[Any]:
        """What a query finds; nothing where there is no journal yet."""
        with self._lock, self._faults():
            if self._connection is None and not self._is_there():
                return []
            with self._read() as connection:
                return connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        with self._lock, self._faults():
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _is_there(self) -> bool:
        return self.path.exists()

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        """The connection; where nothing can be written beside the file, one for this time alone."""
        try:
            connection = self._opened()
        except sqlite3.OperationalError as error:
            if self._can_be_written() or error.sqlite_errorcode & 0xFF not in _UNWRITABLE:
                raise
        else:
            yield connection
            return
        # Without a log of its own the file is whole, and SQLite does not ask for one. Nothing locks it against others.
        how = "mode=ro" if self._has_log() else "immutable=1"
        with closing(self._connect(f"{self.path.absolute().as_uri()}?{how}")) as connection:
            self._check(connection)
            yield connection

    def _can_be_written(self) -> bool:
        return os.access(self.path.parent, os.W_OK)

    def _has_log(self) -> bool:
        with suppress(FileNotFoundError):
            return self.path.with_name(f"{self.path.name}-wal").stat().st_size > 0
        return False

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            with _closed_on_error(self._connect(f"{self.path.absolute().as_uri()}?mode=rw")) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                self._check(connection)
                self._connection = connection
        return self._connection

    def _connect(self, uri: str) -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, timeout=self._patience, isolation_level=None, check_same_thread=False)

    def _check(self, connection: sqlite3.Connection) -> None:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION:
            raise _not_a_journal(self.path)
        if version > VERSION:
            raise JournalUnavailable(
                f"{self.path} was written by a newer mlship (format {version}, this one reads {VERSION})",
                hint="Update mlship on this machine, or give each version its own state folder.",
            )

    def _create(self) -> None:
        """Make the whole file aside and link it into place: nobody ever meets half a journal."""
        make_private(self.path.parent)
        aside = self.path.with_name(f".journal-{os.getpid()}-{threading.get_ident()}.new")
        aside.touch(mode=0o600)
        try:
            with closing(self._connect(aside.absolute().as_uri())) as connection:
                connection.executescript(_TABLES)
            with suppress(FileExistsError):
                os.link(aside, self.path)
            _sync_folder(self.path.parent)
        finally:
            aside.unlink(missing_ok=True)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _in_words(self.path, error) from error
        except OSError as error:
            raise JournalUnavailable(
                f"the journal {self.path} cannot be used: {error.strerror or error}",
                hint="Check that the state folder can be written, or choose another one.",
            ) from error
        except UnicodeDecodeError as error:
            raise _damaged(self.path, "its table of contents is no text") from error
        except UnicodeEncodeError as error:
            raise UsageError(
                f"{error.object!a} is not a name that the journal can hold",
                hint="Use letters, digits, dots and dashes; `mlship status` lists the services.",
            ) from error


class MemoryDatabase(Database):
    """The same tables without a file: they are gone with the process."""

    def __init__(self) -> None:
        super().__init__(Path("in memory"), patience=0)

    def _is_there(self) -> bool:
        return True

    def _can_be_written(self) -> bool:
        return True

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect("file::memory:")
            self._connection.executescript(_TABLES)
        return self._connection


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    try:
        yield connection
    except BaseException:
        connection.close()
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _in_words(path: Path, error: sqlite3.Error) -> JournalUnavailable:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_NOTADB:
            return _not_a_journal(path)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            said = "is locked by another process", "Find it with `fuser` or `lsof`, end it, then try again."
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return _read_only(path)
        case sqlite3.SQLITE_FULL:
            said = (
                "cannot grow: the disk is full",
                "Free some space: `mlship resume` goes on, `mlship rollback` goes back.",
            )
        case sqlite3.SQLITE_CORRUPT:
            return _damaged(path, str(error))
        case sqlite3.SQLITE_CANTOPEN:
            said = "cannot be opened", "Check that it is a file, and that it and its folder can be read and written."
        case sqlite3.SQLITE_IOERR:
            said = "cannot be read or written", "Check the disk: its space, its quota and the file-size limit."
        case _:
            said = "cannot be used", "See `mlship doctor`; moving the file away begins a new record."
    return JournalUnavailable(f"the journal {path} {said[0]} ({error})", hint=said[1])


def _read_only(path: Path) -> JournalUnavailable:
    return JournalUnavailable(
        f"the journal {path} cannot be written: it or its folder is read-only",
        hint="Make both writable; or, where the traffic is that of a balancer or of SageMaker, go on with a copy: "
        f"`cp -a {path.parent} COPY`, then `MLSHIP_STATE=COPY mlship rollback SERVICE`.",
    )


def _damaged(path: Path, how: str) -> JournalUnavailable:
    return JournalUnavailable(f"the journal {path} is damaged ({how})", hint=_START_ANEW)


def _not_a_journal(path: Path) -> JournalUnavailable:
    return JournalUnavailable(f"{path} is not a journal of mlship", hint=_START_ANEW)
