"""How the answers of each challenger compare with those of the live model to the same requests."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from mlship.views import words
from mlship.views.answered import Answered, measure
from mlship.views.panels.models import fitting, headed, row
from mlship.views.paper import Paper
from mlship.views.scene import Scene

_ACCURACY = "accuracy"
_SHORT = {"absolute_error": "abs err", "squared_error": "sq err", "log_loss": "log loss"}


def answers(scene: Scene, paper: Paper, challengers: Sequence[str]) -> list[Text]:
    """A title, then one line per challenger: pairs, agreement, labels, quality of both, and what has no pair."""
    every = scene.feed.answers
    name = measure(every)
    columns = (
        ("pairs", 7), ("agree", 8), ("labelled", 9), ("covered", 8), (_SHORT.get(name, name)[:8], 9), ("live", 8),
        ("gain", 8), ("unpaired", 9),
    )  # fmt: skip
    into = fitting(paper, columns)
    lines = [headed(paper, "answers", "", *into)]
    for challenger in challengers:
        cells = _cells(every.get(challenger), name)
        gone = scene.gone(challenger) is not None
        lines.append(row(paper, challenger, "dim" if gone else "bold cyan", cells, into, dim=gone))
    return lines


def _cells(answered: Answered | None, name: str) -> list[str]:
    if answered is None:
        return [words.NOTHING] * 8
    live, challenger = answered.measured(name) or (None, None)
    shown = words.percent if name == _ACCURACY else words.number
    return [
        words.compact(answered.pairs),
        words.percent(answered.agreement),
        words.compact(answered.labelled),
        words.percent(answered.coverage),
        shown(challenger),
        shown(live),
        _gain(answered.gain(name), name),
        words.compact(answered.unpaired),
    ]


def _gain(gain: float | None, name: str) -> str:
    """In points of a percent where it is one of shares."""
    if gain is None:
        return words.NOTHING
    if name != _ACCURACY:
        return f"{gain:+.2g}"
    return f"{100 * gain:+.{0 if abs(gain) >= 0.0995 else 1}f} pt"
