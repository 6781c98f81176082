"""The router's files of answers as what is new at each look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from mlship.metrics.answers import Answers
from mlship.predictions.store import Predictions


@runtime_checkable
class Captures(Protocol):
    """A driver that keeps answers in files."""

    def captures(self) -> Path:
        """The folder of the files."""
        ...

    def rotate(self) -> None:
        """Close the file at work and begin another."""
        ...


@runtime_checkable
class LateCaptures(Captures, Protocol):
    """A driver whose files lag behind."""

    @property
    def late(self) -> float:
        """Seconds after an answer in which its line may still come."""
        ...


def lateness(driver: object) -> float:
    """Seconds by which a driver's files may lag behind."""
    return driver.late if isinstance(driver, LateCaptures) else 0.0


class CapturedAnswers:
    """`AnswerSource` over a driver's files and the service's store."""

    def __init__(self, predictions: Predictions, captures: Captures) -> None:
        self._predictions = predictions
        self._captures = captures

    def look(self, live: str, mirrors: Mapping[str, int], since: float) -> tuple[Mapping[str, Answers], str]:
        """What is new of the pairs of live and each challenger."""
        # It may take its time, in which others want the file of the answers: `mlship outcome` is one.
        self._captures.rotate()
        with self._predictions.session():
            self._predictions.ingest(self._captures.captures())
            answers, mark = self._predictions.answers(live, mirrors, since=since)
        return answers, str(mark)

    def settle(self, mark: str) -> None:
        """The answers up to this mark are on record."""
        self._predictions.settle(int(mark))
