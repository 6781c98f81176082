"""How a contest came out: what every challenger answered or brought, how well, and why one goes on."""

from __future__ import annotations

from rich.text import Text

from mlship.metrics.counters import Tally
from mlship.plan.routing import WHOLE
from mlship.plan.step import Step
from mlship.views import words
from mlship.views.figures import latency
from mlship.views.panels.answers import answers
from mlship.views.panels.models import fitting, headed, row
from mlship.views.panels.outcomes import outcomes
from mlship.views.panels.rivals import group
from mlship.views.paper import Paper
from mlship.views.scene import Scene

_COLUMNS = (
    ("copies", 8), ("requests", 10), ("dropped", 9), ("unkept", 8), ("errors", 8), ("p50", 8), ("p95", 8), ("p99", 8),
)  # fmt: skip


def contest(scene: Scene, paper: Paper, step: Step) -> list[Text]:
    """Over the whole of a step with copies: requests, errors, latencies, answers; of several the verdicts, too."""
    return [*_table(scene, paper, step), *answers(scene, paper, step.challengers), *_verdicts(scene, paper, step)]


def experiment(scene: Scene, paper: Paper, index: int) -> list[Text]:
    """Over the whole of a step in which outcomes decide: what each arm brought; of several challengers the verdicts."""
    unknown = scene.feed.trials[index].unknown
    said = [paper.line(f" {words.plural(unknown, 'outcome')} came for requests that nobody knows")] if unknown else []
    return [*outcomes(scene, paper, index), *said, *_verdicts(scene, paper, scene.rollout.compiled.steps[index])]


def _verdicts(scene: Scene, paper: Paper, step: Step) -> list[Text]:
    if len(step.challengers) < 2:
        return []
    lines = [paper.rule("verdicts", "each challenger by itself")]
    for challenger in step.challengers:
        lines += [*group(scene, paper, challenger), Text()]
    return lines


def _table(scene: Scene, paper: Paper, step: Step) -> list[Text]:
    live = scene.rollout.compiled.live
    shares = {mirror.model: mirror.share for mirror in step.routing.mirrors}
    into = fitting(paper, _COLUMNS)
    lines = [headed(paper, "challengers", "", *into)]
    for model in (live, *step.challengers):
        tally, gone = scene.feed.copied.get(model, Tally()), scene.gone(model) is not None
        told = words.share(shares[model]) if model in shares else _live(step.routing.weights.get(live, 0))
        style = "dim" if gone else "bold" if model == live else "bold cyan"
        lines.append(row(paper, model, style, [told, *_cells(tally, copied=model != live)], into, dim=gone))
    return lines


def _live(share: int) -> str:
    return "live" if share == WHOLE else words.share(share)


def _cells(tally: Tally, *, copied: bool) -> list[str]:
    rate = tally.errors / tally.requests if tally.requests else None
    return [
        words.count(tally.requests),
        words.count(tally.dropped) if copied else "",
        words.count(tally.unkept),
        words.percent(rate),
        *(words.latency(latency(tally, part)) for part in (0.5, 0.95, 0.99)),
    ]
