"""How many users an A/B test takes, and how long: for the preview, if the truth is this or that."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from mlship.plan.outcome import Better, Goal, Kind
from mlship.views import words


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What a goal is planned with: one candidate beside live."""

    goal: Goal
    share: float
    """The candidate's part of the units of the two, 0..1."""
    alpha: float
    """Of the proof that lets the candidate go on."""
    against: float
    """Of the proof that rolls it back."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One truth, and what follows from it."""

    truth: str
    units: float
    """Of the candidate, until it is decided; infinite: it never is."""
    goes_on: bool


def missing(goal: Goal) -> tuple[str, ...]:
    """Keys of the stage without which nothing can be foretold."""
    numeric = goal.metric.kind is Kind.MEAN
    known = {"spread" if numeric else "baseline": goal.spread if numeric else goal.baseline}
    if goal.margin is None:
        known["minimal-effect"] = goal.minimal_effect
    return tuple(key for key, value in known.items() if value is None)


def cases(planned: Planned) -> Iterator[Case]:
    """No effect, half the margin or else half the minimal effect, the minimal effect, and what is too much harm."""
    goal = planned.goal
    margin, effect = goal.margin, goal.minimal_effect
    yield _case("no effect", 0.0, planned)
    if margin is not None:
        yield _case("worse by half the margin", -margin / 2, planned)
    elif effect is not None:
        yield _case("better by half the minimal effect", effect / 2, planned)
    if effect is not None:
        yield _case("better by the minimal effect", effect, planned)
    worst = margin or effect
    if worst:
        name = "worse by the margin" if margin else "worse by the minimal effect"
        yield Case(truth=_named(name, -worst, goal), units=_fall(worst, planned), goes_on=False)


def _case(name: str, gain: float, planned: Planned) -> Case:
    return Case(truth=_named(name, gain, planned.goal), units=_rise(gain, planned), goes_on=True)


def _named(name: str, gain: float, goal: Goal) -> str:
    """With the value that the candidate would have, where live's is stated."""
    if goal.baseline is None:
        return name
    value = goal.baseline + (gain if goal.metric.better is Better.HIGHER else -gain)
    return f"{name} ({words.percent(value) if goal.metric.kind is Kind.RATE else words.number(value)})"


def _rise(gain: float, planned: Planned) -> float:
    """Units until a candidate that is better by `gain` goes on."""
    from mlship.stats.horizon import margin_units, means_units, ratio_units

    goal, alpha, share = planned.goal, planned.alpha, planned.share
    if goal.metric.kind is Kind.MEAN:
        return means_units((gain + (goal.margin or 0.0)) / (goal.spread or math.inf), alpha=alpha, share=share)
    live, candidate = _rates(gain, goal)
    if goal.margin is None:
        return ratio_units(live, candidate, alpha=alpha, share=share)
    return margin_units(1 - live, 1 - candidate, margin=goal.margin, alpha=alpha, share=share)


def _fall(loss: float, planned: Planned) -> float:
    """Units until a candidate that is worse by `loss` is rolled back: the same tests with the arms exchanged."""
    from mlship.stats.horizon import means_units, ratio_units

    goal, share = planned.goal, planned.share
    if goal.metric.kind is Kind.MEAN:
        found = means_units(loss / (goal.spread or math.inf), alpha=planned.against, share=1 - share)
    else:
        live, candidate = _rates(-loss, goal)
        found = ratio_units(candidate, live, alpha=planned.against, share=1 - share)
    return found * share / (1 - share)


def _rates(gain: float, goal: Goal) -> tuple[float, float]:
    """Of good outcomes: live's, and the candidate's if it is better by `gain`."""
    stated = goal.baseline or 0.0
    live = stated if goal.metric.better is Better.HIGHER else 1 - stated
    return live, min(1.0, max(0.0, live + gain))
