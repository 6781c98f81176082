"""What each model is asked to serve, what it serves, and how well."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from mlship.journal.state import RolloutState
from mlship.plan.routing import WHOLE, Routing
from mlship.views import words
from mlship.views.figures import Figures, figures, observed_share
from mlship.views.paper import Paper
from mlship.views.scene import Scene

COLUMNS = (("asked", 8), ("seen", 8), ("req/s", 8), ("requests", 9), ("errors", 8), ("p50", 8), ("p95", 8), ("p99", 8))
COPIES = (
    ("copies", 7), ("seen", 7), ("req/s", 7), ("requests", 9), ("dropped", 8), ("errors", 7),
    ("p50", 7), ("p95", 7), ("p99", 7),
)  # fmt: skip
_LEAST_NAME = 8
_NOTABLE = 0.01
"""An error rate below this draws a low trend even where it is the highest so far."""


def models(scene: Scene, paper: Paper, *, trends: bool) -> list[Text]:
    """A title, then one line per model, or two with its trends; who gets copies is said instead of shares."""
    each = {model: figures(model, scene.feed.looks) for model in scene.models}
    name, columns = fitting(paper, COPIES if scene.mirrors else COLUMNS)
    lines = [headed(paper, "models", _span(scene), name, columns)]
    for model, found in each.items():
        gone = scene.gone(model) is not None
        cells = _copied(scene, model, found) if scene.mirrors else _shares(scene, model) + _cells(scene, model, found)
        lines.append(row(paper, model, _style(scene, model, gone=gone), cells, (name, columns), dim=gone))
        if trends:
            lines.append(_trends(paper, found, list(each.values())))
    return lines


Columns = Sequence[tuple[str, int]]
"""Head and width."""


def fitting(paper: Paper, columns: Columns) -> tuple[int, Columns]:
    """What is left for the name, and the columns that fit beside it."""
    room, found = paper.width - 1 - _LEAST_NAME, []
    for title, width in columns:
        if width > room:
            break
        found.append((title, width))
        room -= width
    return room + _LEAST_NAME, found


def headed(paper: Paper, title: str, note: str, name: int, columns: Columns) -> Text:
    """A rule that ends in the heads of the columns."""
    sign = paper.glyphs.rule
    left = paper.line(paper.say(f"{sign}{sign} ", "dim"), paper.say(title, "bold"), " ")
    said = paper.say(f"{note} ", "dim") if note and left.cell_len + len(note) + 2 <= name else Text()
    left = paper.line(left, said, paper.say(sign * max(0, name + 1 - left.cell_len - said.cell_len), "dim"))
    if left.cell_len > name + 1:
        left.rstrip()
    heads = [paper.say(head.rjust(width), "dim") for head, width in columns]
    return paper.line(paper.clip(left, name + 1), *heads)


def row(
    paper: Paper, model: str, style: str, cells: Sequence[str], into: tuple[int, Columns], *, dim: bool = False
) -> Text:
    """The name of a model and its figures."""
    name, columns = into
    faint = "dim" if dim else ""
    shown = [paper.cell(cell, width, faint, right=True) for cell, (_, width) in zip(cells, columns, strict=False)]
    return paper.line(" ", paper.cell(model, name, style), *shown)


def _span(scene: Scene) -> str:
    looks = scene.feed.looks
    return f"last {words.ticking(looks[-1].end - looks[0].start)}" if looks else "no look yet"


def _style(scene: Scene, model: str, *, gone: bool) -> str:
    if gone:
        return "dim"
    return "bold" if model == scene.rollout.compiled.live else "bold cyan"


def _shares(scene: Scene, model: str) -> list[str]:
    return [_told(scene.rollout.asked, model), words.percent(observed_share(model, scene.feed.in_step))]


def _told(routing: Routing | None, model: str) -> str:
    """The share that is asked for; under rules that ask for more than a share, nobody knows how many match."""
    if routing is None:
        return words.NOTHING
    if routing.picked:
        return "by rules" if model in routing.picked else "the rest" if model in routing.weights else words.share(0)
    return words.share(routing.asked.get(model, 0))


def _asked(rollout: RolloutState, model: str) -> int:
    return rollout.asked.weights.get(model, 0) if rollout.asked else 0


def _copied(scene: Scene, model: str, found: Figures) -> list[str]:
    live, feed = scene.rollout.compiled.live, scene.feed
    rate, total, *others = _cells(scene, model, found)
    if model == live:
        share = _asked(scene.rollout, live) if scene.rollout.asked else WHOLE
        told, seen, dropped = "live" if share == WHOLE else words.share(share), "", ""
    else:
        told = words.share(scene.mirrors.get(model, 0))
        whole = feed.in_step.get(live, 0)
        seen = words.percent(feed.in_step.get(model, 0) / whole if whole else None)
        dropped = words.compact(feed.copied[model].dropped) if model in feed.copied else words.NOTHING
    return [told, seen, rate, total, dropped, *others]


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
