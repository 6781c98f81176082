"""Outcomes from a file into the store: each once, however often the file is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from mlship.predictions.formats import Malformed, Row
from mlship.predictions.intake import Outcome
from mlship.predictions.prediction import text

if TYPE_CHECKING:
    from mlship.predictions.store import Predictions

CHUNK = 50_000
"""Lines in one transaction: others get their turn with the store in between."""
SHOWN = 20
"""Malformed lines that a report holds."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file's lines."""

    lines: int = 0
    """Those that hold something."""
    matched: int = 0
    """Their request is among the kept answers."""
    unmatched: int = 0
    """It is not, or not yet: it was not sampled, is older than what is kept, or its answer has not been read."""
    unchanged: int = 0
    """Of both, those that were known already."""
    malformed: int = 0
    shown: tuple[Malformed, ...] = ()
    """The first of the malformed lines."""


def take(rows: Iterable[Row | Malformed], name: str, kept: Predictions) -> Report:
    """Keep the outcomes called `name` that the rows hold.

    Raises:
        OutOfReach: the store cannot be used. What was taken stays, and does no harm when the file is given again.
    """
    report = Report()
    pending = iter(rows)
    while chunk := list(islice(pending, CHUNK)):
        report = _more(report, chunk, kept.take(list(_outcomes(chunk, name))))
    return report


def _outcomes(chunk: Iterable[Row | Malformed], name: str) -> Iterator[Outcome]:
    for row in chunk:
        if isinstance(row, Row):
            yield Outcome(id=row.id, name=name, value=text(row.value), at=row.at)


def _more(report: Report, chunk: list[Row | Malformed], taken: tuple[int, int]) -> Report:
    malformed = [row for row in chunk if isinstance(row, Malformed)]
    readable = len(chunk) - len(malformed)
    matched, unchanged = taken
    return Report(
        lines=report.lines + len(chunk),
        matched=report.matched + matched,
        unmatched=report.unmatched + readable - matched,
        unchanged=report.unchanged + unchanged,
        malformed=report.malformed + len(malformed),
        shown=(*report.shown, *malformed)[:SHOWN],
    )
