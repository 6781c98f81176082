"""What came of the answers that users got, arm by arm: how many are counted, what they brought, who is ahead."""

from __future__ import annotations

from rich.text import Text

from mlship.plan.outcome import Kind, Metric
from mlship.plan.routing import WHOLE
from mlship.plan.step import Step
from mlship.plan.verdict import Verdict
from mlship.views import words
from mlship.views.panels.models import Columns, fitting, headed, row
from mlship.views.paper import Paper
from mlship.views.results import chances, gain, goal, hidden, result
from mlship.views.scene import Scene
from mlship.views.trial import Earned, Trial

_ALPHA = 0.05
"""Of the interval of a single arm's rate, which holds at every look while the rate stays."""
_LEAST_COURSE, _MOST_COURSE = 9, 32
"""Columns of the weights over time."""
_FILLED = 80
"""Columns of paper up to which the other figures need them all."""


def outcomes(scene: Scene, paper: Paper, index: int) -> list[Text]:
    """A title, one line per arm of the step `index`, and the result in words."""
    step = scene.rollout.compiled.steps[index]
    assert step.metric
    trial, into = scene.feed.trials.get(index, Trial()), fitting(paper, _columns(step, step.metric, _course(paper)))
    lines = [headed(paper, step.metric.name, "", *into)]
    for arm in arms(scene, step):
        gone = scene.gone(arm) is not None
        style = "dim" if gone else "bold" if arm == scene.rollout.compiled.live else "bold cyan"
        lines.append(row(paper, arm, style, _cells(scene, step, trial, arm, paper), into, dim=gone))
    return [*lines, paper.line(" ", paper.say(result(scene, index)))]


def height(scene: Scene) -> int:
    """Lines of the panel; 0 where no step of the rollout has one."""
    tallest = max((len(step.challengers) for step in scene.rollout.compiled.steps if step.metric), default=0)
    return tallest + 3 if tallest else 0


def arms(scene: Scene, step: Step) -> tuple[str, ...]:
    """Everybody who serves users in the step, live first."""
    return (scene.rollout.compiled.live, *step.challengers)


def _course(paper: Paper) -> int:
    return min(_MOST_COURSE, max(_LEAST_COURSE, _LEAST_COURSE + paper.width - _FILLED))


def _columns(step: Step, metric: Metric, course: int) -> Columns:
    users = "users" if step.routing.assign_by else "requests"
    counts = (("asked", 7), (users, len(users) + 2), ("pending", 8))
    value = (("rate", 8), ("95 %", 15)) if metric.kind is Kind.RATE else (("mean", 8), ("std err", 9))
    if step.race:
        return (*counts, *value, ("best", 6), ("weights", course + 2))
    return (*counts, *value, ("gain", 9), ("p", 8))


def _cells(scene: Scene, step: Step, trial: Trial, arm: str, paper: Paper) -> list[str]:
    earned, asked = trial.arms.get(arm), step.routing.weights.get(arm, 0)
    assert step.metric
    counted = [
        words.percent(asked / WHOLE),
        words.compact(earned.units) if earned else words.NOTHING,
        words.compact(trial.pending.get(arm, 0)) if earned else words.NOTHING,
    ]
    value = [words.NOTHING] * 2 if earned is None or hidden(step, trial) else _value(earned, step.metric)
    if step.race:
        chance = chances(step, trial, scene.rollout.compiled.live).get(arm)
        course = paper.trend(trial.course.of(arm, _course(paper)), _course(paper), WHOLE).plain
        return [*counted, *value, words.NOTHING if chance is None else f"{chance:.2f}", course]
    verdict = goal(step, trial, arm) if arm in step.challengers else None
    return [*counted, *value, _gain(step.metric, verdict), _p_value(trial, verdict)]


def _value(earned: Earned, metric: Metric) -> list[str]:
    if metric.kind is Kind.MEAN:
        return [words.number(earned.mean), words.number(earned.error)]
    from mlship.stats.interval import rate_interval

    bounds = rate_interval(round(earned.sum), earned.units, _ALPHA)
    told = f"{words.percent(bounds[0]).removesuffix(' %')} to {words.percent(bounds[1])}" if bounds else words.NOTHING
    return [words.percent(earned.mean), told]


def _gain(metric: Metric, verdict: Verdict | None) -> str:
    found = gain(metric, verdict)
    if found is None:
        return ""
    return f"{words.hundredths(found[0], '+')} pt" if metric.kind is Kind.RATE else f"{found[0]:+.3g}"


def _p_value(trial: Trial, verdict: Verdict | None) -> str:
    return words.number(trial.p_value(verdict)) if verdict else ""
