"""How good the answers are: every figure that labels and scores give, by challenger and segment, and drift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rich.text import Text

from mlship.journal.events import Event, Looked, Reviewed
from mlship.metrics.answers import Answers, Pairs
from mlship.predictions.quality import Side, measure, total
from mlship.views import words
from mlship.views.panels.models import Columns, fitting, headed, row
from mlship.views.paper import Paper

_COUNTS = (("pairs", 7), ("agree", 8), ("labelled", 9), ("covered", 8))
_FIGURES = (
    ("accuracy", 9), ("precision", 10), ("recall", 8), ("f1", 7), ("mae", 8), ("rmse", 8), ("log_loss", 9),
)  # fmt: skip
_ERRORS = frozenset({"absolute_error", "squared_error", "log_loss"})
"""Scores that have columns of their own."""
_DISTANCES = (("psi", 8), ("ks", 8))

Sums = Mapping[tuple[str, str], Pairs]
"""Challenger and segment ("" is all of them) → what the looks add up to."""


def summed(events: Iterable[Event]) -> Sums:
    """The pairs of all looks of a rollout, those of its reviews too."""
    parts: dict[tuple[str, str], list[Pairs]] = {}
    for event in events:
        looked = event.look.answers if isinstance(event, Looked | Reviewed) else {}
        for challenger, answers in looked.items():
            for segment, pairs in _segments(answers):
                parts.setdefault((challenger, segment), []).append(pairs)
    return {key: total(looks) for key, looks in sorted(parts.items())}


def quality(sums: Sums, paper: Paper) -> list[Text]:
    """A line per challenger and segment, and beneath it live's on the same pairs; as many tables as it takes."""
    known = {key: pairs for key, pairs in sums.items() if pairs.pairs or pairs.labelled}
    scores = sorted({name for pairs in known.values() for name in pairs.scores} - _ERRORS)
    named: Columns = (*_FIGURES, *((name, max(9, len(name) + 2)) for name in scores))
    figures = [column for column in named if any(measure(column[0], pairs) is not None for pairs in known.values())]
    tables = _tables(known, (*_COUNTS, *figures), paper) if figures else ()
    return [*tables, *_drift(known, paper)]


def _segments(answers: Answers) -> Iterator[tuple[str, Pairs]]:
    yield "", answers.total
    yield from answers.segments.items()


def _tables(sums: Sums, columns: Columns, paper: Paper) -> Iterator[Text]:
    title, note = "quality", "precision, recall and f1: mean over classes"
    while columns:
        into = fitting(paper, columns)
        if not into[1]:
            return
        yield headed(paper, title, note, *into)
        for (challenger, segment), pairs in sums.items():
            name, style = (f"{challenger} {segment}", "cyan") if segment else (challenger, "bold cyan")
            yield row(paper, name, style, [_cell(column, pairs, "challenger") for column, _ in into[1]], into)
            yield row(paper, "  live", "dim", [_cell(column, pairs, "live") for column, _ in into[1]], into)
        columns, title, note = columns[len(into[1]) :], "and", ""


def _cell(column: str, pairs: Pairs, side: Side) -> str:
    match column:
        case "pairs" | "labelled":
            return words.compact(getattr(pairs, column)) if side == "challenger" else ""
        case "agree" | "covered":
            name = {"agree": "agreement", "covered": "coverage"}[column]
            return words.percent(measure(name, pairs)) if side == "challenger" else ""
        case "accuracy":
            return words.percent(measure(column, pairs, side))
        case _:
            return words.number(measure(column, pairs, side))


def _drift(sums: Sums, paper: Paper) -> Iterator[Text]:
    watched = [(key, name) for key, pairs in sums.items() for name in sorted(pairs.histograms)]
    if not watched:
        return
    into = fitting(paper, _DISTANCES)
    yield headed(paper, "drift", "from live", *into)
    for (challenger, segment), name in watched:
        pairs = sums[challenger, segment]
        cells = [words.number(measure(f"{distance}:{name}", pairs)) for distance, _ in _DISTANCES]
        yield row(paper, " ".join(filter(None, (challenger, name, segment))), "cyan", cells, into)


def kept(counts: Mapping[str, int], paper: Paper) -> list[Text]:
    """What was read of the service's answers and outcomes, and what of it could not be used and why."""
    if not counts:
        return []
    lines = [paper.line(" ", paper.cell(name, 36), words.count(n)) for name, n in counts.items()]
    return [paper.rule("kept", "of all rollouts of the service"), *lines]
