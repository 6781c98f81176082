"""The answers that are kept for a service: taken from the router's files, and told pair by pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlship.clock import Clock
from mlship.errors import OutOfReach
from mlship.metrics.answers import Answers
from mlship.metrics.rewards import Asked, Rewards
from mlship.plan.model import CaptureSettings
from mlship.plan.outcome import Metric
from mlship.predictions import cohort, intake, pairing, retention, spool
from mlship.predictions.database import Database
from mlship.predictions.intake import Outcome
from mlship.predictions.prediction import Reader

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PATIENCE = 10.0
"""Seconds to wait for another command that has the file open."""
SETTLE = 10.0
"""Seconds for which a rotated file stays after it has been read: the router may still hold lines for it."""

_MARK_READ = "INSERT INTO files VALUES (?, ?, ?)"
_SETTLE = "DELETE FROM batches WHERE mark <= ?"
_DONE = 'SELECT name, "offset", since FROM files'


class Predictions:
    """What models answered, and what turned out, in one DuckDB file of `folder`.

    Every method raises `OutOfReach` where the file or the router's files cannot be used. Another process may use the
    same file between two calls; inside `session` it stays open.
    """

    def __init__(
        self,
        folder: Path,
        settings: CaptureSettings,
        clock: Clock,
        *,
        patience: float = PATIENCE,
        covariate: str | None = None,
        late: float = 0.0,
    ) -> None:
        """Open late: the file is made by the first use.

        Args:
            folder: where the file is.
            settings: what is kept, and how it is read.
            clock: whose time it is.
            patience: seconds to wait for another command that has the file open.
            covariate: read from each line beside what the settings ask for: a number that is known before the outcome.
            late: seconds after an answer in which its line may still come.

        Raises:
            UsageError: an expression of the settings cannot be used.
        """
        self._settings = settings
        self._reader = Reader(settings, covariate)
        self._clock = clock
        self._settled = 0
        self._late = late
        self._read = 0.0
        self._database = Database(folder / "predictions.duckdb", patience=patience)

    @property
    def exists(self) -> bool:
        """Something was kept: there is a file."""
        return self._database.path.exists()

    def session(self) -> AbstractContextManager[object]:
        """Keep the file open for several calls."""
        return self._database.opened()

    def ingest(self, folder: Path) -> None:
        """Take what is new in the router's files, exactly once, and delete the rotated files that are done with."""
        began = self._clock.now()
        with self._database.opened():
            for kind in ("predictions", "feedback"):
                for file in spool.files(folder, kind):
                    self._take(kind, file)
            retention.sweep(self._database, self._settings, self._clock.now())
        self._read = began - self._late

    def answers(
        self, live: str, challengers: Mapping[str, int], *, since: float = 0.0
    ) -> tuple[Mapping[str, Answers], int]:
        """What is new of the pairs of `live` and each challenger, and the mark by which `settle` confirms it.

        Args:
            live: the model that users rely on.
            challengers: model → basis points of the live requests that are mirrored to it.
            since: when the comparison began, in seconds since the epoch. Older answers do not count, and another
                value begins a new comparison: bins, classes and segments are chosen anew.

        Until a mark is settled, the same answers and the same mark are returned again.
        """
        with self._database.write() as connection:
            connection.execute(_SETTLE, [self._settled])
            asked = pairing.Asked(
                live=live,
                challengers=dict(challengers),
                since=since,
                now=self._clock.now() - self._late,
                settings=self._settings,
            )
            return pairing.told(asked, connection)

    def settle(self, mark: int) -> None:
        """The answers of this mark, and of those before, are on record. May be said again, and after a crash.

        It is written with the next `answers`: whoever resumes says the mark on record before it asks for more.
        """
        self._settled = max(self._settled, mark)

    def rewards(self, metric: Metric, asked: Asked, mark: str, *, sticky: bool) -> tuple[Rewards, str]:
        """The cohort of units behind `mark` (empty: the first), and the mark behind it.

        It holds what this object's last `ingest` found. Nothing is settled: the same mark is told of the same units.
        """
        question = cohort.Question(metric=metric, asked=asked, mark=mark, sticky=sticky, read=self._read)
        with self._database.write() as connection:
            return cohort.told(question, connection)

    def take(self, outcomes: Sequence[Outcome]) -> tuple[int, int]:
        """Keep outcomes; those of a known request, and those that were known themselves."""
        with self._database.write() as connection:
            return intake.take_outcomes(outcomes, self._settings.label, self._clock.now(), connection)

    def counts(self) -> Mapping[str, int]:
        """What was taken, and what could not be read and why, since the store was made."""
        with self._database.opened() as connection:
            return dict(
                connection.execute("SELECT name, sum(n)::BIGINT FROM counts GROUP BY name ORDER BY name").fetchall()
            )

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
        """Rows of the kept answers, for reports."""
        with self._database.opened() as connection:
            return connection.execute(sql, list(values)).fetchall()

    def _take(self, kind: str, file: Path) -> None:
        with self._database.opened() as connection:
            known = {name: (offset, since) for name, offset, since in connection.execute(_DONE).fetchall()}
        try:
            for part in spool.unread(file, {name: offset for name, (offset, _) in known.items()}):
                known[part.name] = (part.end, self._clock.now())
                self._take_part(kind, part)
            self._let_go(file, known)
        except OSError as error:
            raise OutOfReach(f"the router's file {file} cannot be read: {error.strerror}") from error

    def _take_part(self, kind: str, part: spool.Part) -> None:
        now = self._clock.now()
        with self._database.write() as connection:
            if kind == "predictions":
                intake.take_answers(part.lines, self._reader, connection)
            else:
                intake.take_feedback(part.lines, self._settings.label, now, connection)
            connection.execute("DELETE FROM files WHERE name = ?", [part.name])
            connection.execute(_MARK_READ, [part.name, part.end, now])

    def _let_go(self, file: Path, known: Mapping[str, tuple[int, float]]) -> None:
        """Delete a rotated file that has been read to its end for a while."""
        name = spool.named(file) if spool.is_rotated(file) else None
        if name is None or name not in known:
            return
        end, since = known[name]
        if _size(file) == end and self._clock.now() - since >= SETTLE:
            file.unlink(missing_ok=True)
            with self._database.write() as connection:
                _forget(name, connection)


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None


def _forget(name: str, connection: DuckDBPyConnection) -> None:
    connection.execute("DELETE FROM files WHERE name = ?", [name])
