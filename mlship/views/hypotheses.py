"""What an A/B test asks, in plain words, before it runs: what is claimed, of whom, how sure, and after how long."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import assert_never

from rich.console import RenderableType
from rich.text import Text

from mlship.gates.judge import Budget
from mlship.plan.model import Plan
from mlship.plan.outcome import Better, Goal, Kind, Method, Race
from mlship.plan.routing import WHOLE
from mlship.plan.step import CompiledPlan
from mlship.views import words
from mlship.views.expected import Case, Planned, cases, missing
from mlship.views.experiment import Experiment, Said, counted
from mlship.views.paper import Paper
from mlship.views.races import of_race
from mlship.views.table import table


def hypotheses(compiled: CompiledPlan, plan: Plan, paper: Paper) -> Iterator[RenderableType]:
    """A part of the preview for each step in which outcomes decide."""
    for step in compiled.steps:
        experiment = Experiment(plan=plan, step=step, live=compiled.live)
        gate = experiment.gate if step.metric else None
        if gate is None:
            continue
        yield Text()
        yield paper.line(paper.say(f"{step.stage}: {_asked(experiment, gate)}", "bold"))
        said = _of_goal(experiment, gate) if isinstance(gate, Goal) else of_race(experiment, gate)
        for about, sentence in said:
            yield Text.assemble((paper.glyphs.fit(f"{about}: "), "cyan"), paper.glyphs.fit(sentence))
        if isinstance(gate, Goal):
            yield from _expected(experiment, gate, paper)


def _asked(experiment: Experiment, gate: Goal | Race) -> str:
    names, live, metric = experiment.step.challengers, experiment.live, gate.metric.name
    if isinstance(gate, Race):
        return f"bandit of {words.listed((live, *names))} that follows {metric}"
    if gate.method is Method.AA:
        return f"A/A test by {metric}: is the set-up sound, with the same model as {words.listed((live, *names))}?"
    better = "as good as" if gate.margin is not None else "better than"
    return f"A/B test by {metric}: is {words.listed(names, 'or')} {better} {live}?"


def _of_goal(experiment: Experiment, goal: Goal) -> Said:
    null, alternative = _claims(experiment, goal)
    yield "Null hypothesis", null
    yield "Alternative", alternative
    yield "Counted", counted(experiment, goal.metric)
    yield "Method", _method(experiment, goal)
    yield "Error probabilities", _errors(experiment, goal)


def _claims(experiment: Experiment, goal: Goal) -> tuple[str, str]:
    """Null hypothesis and alternative."""
    who, live = experiment.who, experiment.live
    up, down = ("higher", "lower") if goal.metric.better is Better.HIGHER else ("lower", "higher")
    rate = goal.metric.kind is Kind.RATE
    what = f"the rate of {goal.metric.name}" if rate else f"{goal.metric.name} per {experiment.units[:-1]}"
    if goal.method is not Method.SEQUENTIAL:
        same = f"{what} is the same with {who} as with {live}: there is no difference."
        odd = "they differ; as both are the same model, the set-up is at fault then."
        return same, odd if goal.method is Method.AA else f"they differ; {who} goes on where it is {up}."
    if goal.margin is None:
        return f"{what} is no {up} with {who} than with {live}.", f"it is {up} with {who}."
    by = f"{words.number(100 * goal.margin)} points" if rate else words.number(goal.margin)
    return (
        f"{what} is {down} with {who} than with {live}, by {by} or more.",
        f"it is {down} by less than {by}, or {up}.",
    )


def _method(experiment: Experiment, goal: Goal) -> str:
    exact = (
        "" if goal.metric.kind is Kind.RATE and not goal.covariate else " Asymptotic: it holds for many, not exactly."
    )
    sharper = f" What `{goal.covariate}` explains beforehand is taken out of it (CUPED)." if goal.covariate else ""
    match goal.method:
        case Method.SEQUENTIAL:
            every = words.duration(experiment.plan.look_every)
            return (
                f"sequential; it may be read at every look (every {every}) and ends once it is proven.{exact}{sharper}"
            )
        case Method.AA:
            hold = words.duration(experiment.step.hold)
            return f"sequential; it passes after {hold} without a proven difference.{exact}"
        case Method.FIXED:
            return _sample(experiment, goal)
        case _:
            assert_never(goal.method)


def _sample(experiment: Experiment, goal: Goal) -> str:
    from mlship.gates.fixed import sample

    number, smallest = sample(goal), min(experiment.step.routing.weights.values()) / WHOLE
    traffic = experiment.plan.traffic
    seconds = number / smallest / traffic + goal.metric.within if traffic else 0.0
    longer = ", longer than `at-most`" if seconds > experiment.step.deadline else ""
    time = f", which takes {words.duration(seconds)}{longer}" if traffic else ""
    found = f"the minimal effect is found with probability {words.percent(goal.power)}"
    size = f"{words.count(number)} {experiment.units}"
    return f"fixed; it is read once, when each arm has {size}{time}: {found}. Before that nobody is told what it says."


def _errors(experiment: Experiment, goal: Goal) -> str:
    budget, who = experiment.budget, experiment.who
    if goal.method is Method.AA:
        wrong = words.percent(budget.rollback)
        return f"a set-up that is sound fails with probability at most {wrong}, {_shared(budget)}."
    if goal.method is Method.FIXED:
        return f"with no difference, one is found with probability {words.percent(goal.alpha)}, half of it in favour."
    wrong = "worse by the margin" if goal.margin is not None else "not better"
    alpha = words.percent(min(goal.alpha, budget.promote))
    return (
        f"if it is {wrong}, {who} goes on with probability at most {alpha}; if it is as good, it is rolled back with "
        f"probability at most {words.percent(budget.rollback)}, {_shared(budget)}."
    )


def _shared(budget: Budget) -> str:
    return f"all {budget.judges} gates with evidence together" if budget.judges > 1 else "whenever one looks"


def _expected(experiment: Experiment, goal: Goal, paper: Paper) -> Iterator[RenderableType]:
    if goal.method is not Method.SEQUENTIAL:
        return
    lacking = [f"`{key}`" for key in missing(goal)]
    if lacking:
        hint = f"add {words.listed(lacking)} to the stage to see how many {experiment.units} and how long it takes."
        yield Text.assemble(("Expected: ", "cyan"), paper.glyphs.fit(hint))
        return
    planned = _planned(experiment, goal)
    several = len(experiment.step.challengers) > 1
    of = "each" if several else experiment.step.challengers[0]
    heads = ("if in truth", f"{experiment.units} of {of}", "decided in", "then")
    found = [_row(experiment, planned, case) for case in cases(planned)]
    yield Text()
    yield table(paper, heads, found, frozenset(heads[1:3]))
    if experiment.plan.traffic:
        pace = f"Expected times are at {words.rate(experiment.plan.traffic)} requests/s"
        again = ", each by a new user: where users come back it takes longer" if experiment.units == "users" else ""
        yield Text(paper.glyphs.fit(f"{pace}{again}."), style="dim")


def _planned(experiment: Experiment, goal: Goal) -> Planned:
    from mlship.gates.rates import levels

    weights = experiment.step.routing.weights
    fewest = min(weights.get(arm, 0) for arm in experiment.step.challengers)
    alpha, against = levels(goal, experiment.budget)
    return Planned(goal=goal, share=fewest / (fewest + weights[experiment.live]), alpha=alpha, against=against)


def _row(experiment: Experiment, planned: Planned, case: Case) -> tuple[str, ...]:
    step = experiment.step
    ends = "goes on" if case.goes_on else "rolled back"
    if math.isinf(case.units):
        return case.truth, "", "never", experiment.late
    fewest = min(step.routing.weights.get(arm, 0) for arm in step.challengers) / WHOLE
    traffic, within = experiment.plan.traffic, planned.goal.metric.within
    seconds = max(step.hold, case.units / fewest / traffic + within) if traffic else None
    if seconds is not None and seconds > step.deadline:
        ends = f"too late: {experiment.late}"
    return case.truth, _about(case.units), words.duration(seconds) if seconds is not None else "", ends


def _about(units: float) -> str:
    """Two digits: it is a mean, and an estimate."""
    scale: int = 10 ** max(0, math.floor(math.log10(max(units, 1.0))) - 1)
    return words.count(math.ceil(units / scale) * scale)
