"""This machine's copy of the log of one service, in the tables that every query knows.

Nothing depends on it: a copy that is lost, damaged or of another log is made anew, and without a disk it is in memory.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from mlship.errors import JournalUnavailable
from mlship.journal.database import Database, MemoryDatabase
from mlship.journal.entry import write
from mlship.journal.shared.log import Filed, ServiceLog
from mlship.journal.shared.packs import Packed

_TABLE = "CREATE TABLE IF NOT EXISTS log (number INTEGER PRIMARY KEY, etag TEXT, modified REAL, raw TEXT)"
_LAST = "SELECT number, etag FROM log ORDER BY number DESC LIMIT 1"
_FILE = "INSERT INTO log (number, etag, modified, raw) VALUES (?, ?, ?, ?)"
_UNPACKED = "SELECT number, etag, modified, raw FROM log ORDER BY number"
_FORGET = "DELETE FROM log WHERE number <= ? AND number < (SELECT max(number) FROM log)"

_Value = TypeVar("_Value")


class _Spoilt(Exception):
    """The copy cannot be used."""


class Copy:
    """Follows a log. Methods raise `JournalUnavailable` where S3 refuses, and never where only the copy is at fault."""

    def __init__(self, log: ServiceLog, folder: Path, *, patience: float) -> None:
        self._log = log
        self._folder = folder
        self._patience = patience
        self._database = Database(folder, patience=patience)
        self._lock = threading.RLock()
        self.followed = False
        """The copy was compared with the log since it was opened."""

    def refresh(self) -> None:
        """Bring in what was written since the last time."""
        with self._lock:
            for otherwise in (self._begin_anew, self._do_without_disk):
                try:
                    return self._follow()
                except _Spoilt:
                    otherwise()
            return self._follow()

    def rows(self, query: str, **values: object) -> list[Any]:
        """What a query finds in the copy."""
        with self._lock:
            try:
                return self._found(query, **values)
            except _Spoilt:
                self._begin_anew()
                self.refresh()
                return self._database.rows(query, **values)

    @property
    def number(self) -> int:
        """Of the last entry that is known here; 0: none is."""
        return next((number for number, _ in self.rows(_LAST)), 0)

    def keep(self, filed: Filed) -> None:
        """Take in an entry that was written here, after all before it."""
        with self._lock:
            try:
                self._take_in((filed,))
            except _Spoilt:
                # It is written, whatever becomes of the copy.
                self._begin_anew()

    def pack(self) -> None:
        """Put what is not in a pack of the log yet into packs, as far as it fills them."""
        with self._lock, suppress(_Spoilt, JournalUnavailable):
            rows = self._found(_UNPACKED)
            self._forget(self._log.pack(Packed(number=n, etag=etag, modified=at, raw=raw) for n, etag, at, raw in rows))

    def close(self) -> None:
        """Let go of the file."""
        with suppress(JournalUnavailable):
            self._database.close()

    def _follow(self) -> None:
        number, etag = self._last()
        if self.followed:
            self._take_in(self._log.beyond(number))
        elif number:
            filed = self._log.from_known(number, etag)
            if filed is None:
                raise _Spoilt
            self._take_in(filed)
        else:
            whole, packed = self._log.whole()
            self._take_in(whole)
            self._forget(packed)
        self.followed = True

    def _last(self) -> tuple[int, str]:
        return next(iter(self._found(_LAST)), (0, ""))

    def _found(self, query: str, **values: object) -> list[Any]:
        return self._sound(lambda: self._database.rows(query, **values))

    def _take_in(self, entries: Sequence[Filed]) -> None:
        if entries:
            self._sound(lambda: self._write(entries))

    def _write(self, entries: Sequence[Filed]) -> None:
        with self._database.write() as connection:
            connection.execute(_TABLE)
            last = (connection.execute(_LAST).fetchone() or (0,))[0]
            # Another process may have brought some of them in meanwhile, or have begun the copy anew.
            for filed in entries:
                if filed.number == last + 1:
                    last = filed.number
                    write(connection, filed.entry, seq=filed.number, renewed=filed.modified)
                    connection.execute(_FILE, (filed.number, filed.etag, filed.modified, filed.raw.decode()))
                elif filed.number > last:
                    raise _Spoilt

    def _forget(self, packed: int) -> None:
        if packed:
            self._sound(lambda: self._change(_FORGET, packed))

    def _change(self, statement: str, *values: object) -> None:
        with self._database.write() as connection:
            connection.execute(statement, values)

    def _sound(self, use: Callable[[], _Value]) -> _Value:
        try:
            return use()
        except JournalUnavailable as error:
            raise _Spoilt from error

    def _begin_anew(self) -> None:
        """Put the copy aside in one move: a process that still reads it keeps what it has open."""
        self.close()
        self.followed = False
        aside = self._folder.with_name(f".{self._folder.name}-{os.getpid()}-{threading.get_ident()}")
        with suppress(OSError):
            self._folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
        self._database = Database(self._folder, patience=self._patience)

    def _do_without_disk(self) -> None:
        self.close()
        self.followed = False
        self._database = MemoryDatabase()
        self._change(_TABLE)
