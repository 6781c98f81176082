"""What each model is asked to serve, what it serves, and how well."""

from __future__ import annotations

from rich.text import Text

from mlship.journal.state import RolloutState
from mlship.views import words
from mlship.views.figures import Figures, figures, observed_share
from mlship.views.paper import Paper
from mlship.views.scene import Scene

COLUMNS = (("asked", 8), ("seen", 8), ("req/s", 8), ("requests", 9), ("errors", 8), ("p50", 8), ("p95", 8), ("p99", 8))
_LEAST_NAME = 8
_NOTABLE = 0.01
"""An error rate below this draws a low trend even where it is the highest so far."""


def models(scene: Scene, paper: Paper, *, trends: bool) -> list[Text]:
    """A title, then one line per model, or two with its trends."""
    each = {model: figures(model, scene.feed.looks) for model in scene.models}
    lines = [_title(scene, paper)]
    for model, found in each.items():
        style = "bold cyan" if model == scene.rollout.compiled.candidate else "bold"
        lines.append(_numbers(paper, model, style, _shares(scene, model) + _cells(scene, model, found)))
        if trends:
            lines.append(_trends(paper, found, list(each.values())))
    return lines


def _fitting(paper: Paper) -> tuple[int, list[tuple[str, int]]]:
    """The columns that fit beside a name, and what is left for the name."""
    room, fitting = paper.width - 1 - _LEAST_NAME, []
    for title, width in COLUMNS:
        if width > room:
            break
        fitting.append((title, width))
        room -= width
    return room + _LEAST_NAME, fitting


def _title(scene: Scene, paper: Paper) -> Text:
    name, columns = _fitting(paper)
    sign, looks = paper.glyphs.rule, scene.feed.looks
    span = f"last {words.ticking(looks[-1].end - looks[0].start)}" if looks else "no look yet"
    left = paper.line(paper.say(f"{sign}{sign} ", "dim"), paper.say("models", "bold"), " ")
    note = paper.say(f"{span} ", "dim") if left.cell_len + len(span) + 2 <= name else Text()
    left = paper.line(left, note, paper.say(sign * max(0, name + 1 - left.cell_len - note.cell_len), "dim"))
    heads = [paper.say(title.rjust(width), "dim") for title, width in columns]
    return paper.line(paper.clip(left, name + 1), *heads)


def _numbers(paper: Paper, model: str, style: str, cells: list[str]) -> Text:
    name, columns = _fitting(paper)
    shown = [paper.cell(cell, width, right=True) for cell, (_, width) in zip(cells, columns, strict=False)]
    return paper.line(" ", paper.cell(model, name, style), *shown)


def _shares(scene: Scene, model: str) -> list[str]:
    asked = words.share(_asked(scene.rollout, model)) if scene.rollout.asked else words.NOTHING
    return [asked, words.percent(observed_share(model, scene.feed.in_step))]


def _asked(rollout: RolloutState, model: str) -> int:
    return rollout.asked.weights.get(model, 0) if rollout.asked else 0


def _cells(scene: Scene, model: str, found: Figures) -> list[str]:
    total = words.compact(scene.feed.totals.get(model, 0))
    return [words.rate(found.per_second), total, words.percent(found.errors), *map(words.latency, found.quantiles)]


def _trends(paper: Paper, found: Figures, every: list[Figures]) -> Text:
    """Errors and latency share one scale over all models, so that two rows can be compared by eye."""
    width = max(4, min(40, (paper.width - 26) // 3))
    top_errors = max((value or 0.0 for one in every for value in one.error_trend), default=0.0)
    top_errors = max(top_errors, _NOTABLE)
    top_slow = max((value or 0.0 for one in every for value in one.slow_trend), default=0.0)
    top_rate = max((value or 0.0 for value in found.rate_trend), default=0.0)
    return paper.line(
        paper.say("   req/s ", "dim"),
        paper.trend(found.rate_trend, width, top_rate, "blue"),
        paper.say("  errors ", "dim"),
        paper.trend(found.error_trend, width, top_errors, "red"),
        paper.say("  p95 ", "dim"),
        paper.trend(found.slow_trend, width, top_slow, "magenta"),
    )
