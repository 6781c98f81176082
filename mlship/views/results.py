"""The result of an experiment in words that need no statistics: who brings how much, by how much more, is it proven."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlship.plan.outcome import Better, Kind, Metric
from mlship.plan.step import Step
from mlship.plan.verdict import Outcome, Verdict
from mlship.views import words
from mlship.views.scene import Scene
from mlship.views.trial import Trial, sealed

Gain = tuple[float, tuple[float, float] | None]
"""The candidate's rate or mean less live's, and an interval of it."""


def goal(step: Step, trial: Trial, challenger: str) -> Verdict | None:
    """What the goal of an A/B test, or the race of a bandit, said last of the challenger."""
    found = (trial.verdict(gate, challenger) for gate in step.gates)
    return next((v for v in found if v and (v.gate == step.race or _is_goal(step, v))), None)


def gain(metric: Metric, verdict: Verdict | None) -> Gain | None:
    """In the metric's own direction: below 0 is less of it, whichever is better. None where nothing may be told yet."""
    evidence = verdict.evidence if verdict else None
    if evidence is None or evidence.estimate is None or not evidence.measure.startswith(_gain_in(metric)):
        return None
    if metric.better is Better.HIGHER:
        return evidence.estimate, evidence.interval
    bounds = evidence.interval
    return -evidence.estimate, (-bounds[1], -bounds[0]) if bounds else None


def hidden(step: Step, trial: Trial) -> bool:
    """What the arms bring is nobody's business yet: the sample is read once, when it is complete."""
    return any(sealed(verdict.evidence) for verdict in trial.verdicts if verdict.gate in step.gates)


def chances(step: Step, trial: Trial, live: str) -> Mapping[str, float]:
    """Arm of a bandit → probability of being the best; empty before anything is believed."""
    said = {arm: trial.verdict(step.race, arm) for arm in step.challengers if not step.has_lost(arm)}
    found = {
        arm: verdict.evidence.estimate
        for arm, verdict in said.items()
        if verdict and verdict.evidence and verdict.evidence.estimate is not None
    }
    return {live: max(0.0, 1 - sum(found.values())), **found} if found else {}


def result(scene: Scene, index: int) -> str:
    """One sentence, as in "v2 5.9 % of users, v1 5.1 %: 0.8 points more (0.2 to 1.4); proven better (p = 0.004)"."""
    step, trial = scene.rollout.compiled.steps[index], scene.feed.trials.get(index, Trial())
    live, ahead = scene.rollout.compiled.live, _ahead(scene, step, trial)
    verdict = goal(step, trial, ahead)
    if verdict is None:
        return "nothing is counted yet"
    if hidden(step, trial) or not any(earned.units for earned in trial.arms.values()):
        return verdict.reason
    names = _by_value(step, trial, live) if step.race else (ahead, live)
    told = ", ".join(_brings(step, trial, names))
    return f"{told}{_more(step, verdict)}; {_conclusion(verdict)}"


def _is_goal(step: Step, verdict: Verdict) -> bool:
    evidence = verdict.evidence
    return bool(step.metric and evidence) and (
        sealed(evidence) or bool(evidence and step.metric and evidence.measure.startswith(_gain_in(step.metric)))
    )


def _gain_in(metric: Metric) -> str:
    return f"gain in {metric.name}"


def _ahead(scene: Scene, step: Step, trial: Trial) -> str:
    """The challenger that the sentence is about: the one that went on, else the one with the largest estimate."""
    candidate = scene.rollout.compiled.candidate or ""
    if not scene.undecided and candidate in step.challengers:
        return candidate
    left = [arm for arm in step.challengers if scene.gone(arm) is None] or list(step.challengers)
    return max(left, key=lambda arm: _estimate(goal(step, trial, arm)))


def _estimate(verdict: Verdict | None) -> float:
    evidence = verdict.evidence if verdict else None
    return float("-inf") if evidence is None or evidence.estimate is None else evidence.estimate


def _by_value(step: Step, trial: Trial, live: str) -> tuple[str, ...]:
    """The arms that still have users, the best first."""
    assert step.metric
    sign = 1 if step.metric.better is Better.HIGHER else -1
    left = [arm for arm in (live, *step.challengers) if arm in trial.arms and not step.has_lost(arm)]
    return tuple(sorted(left, key=lambda arm: -sign * (trial.arms[arm].mean or 0.0)))


def _brings(step: Step, trial: Trial, names: tuple[str, ...]) -> Iterator[str]:
    assert step.metric
    units = "users" if step.routing.assign_by else "requests"
    rate = step.metric.kind is Kind.RATE
    for place, arm in enumerate(names):
        value = trial.arms[arm].mean if arm in trial.arms else None
        of = (f" of {units}" if rate else f" per {units[:-1]}") if not place else ""
        yield f"{arm} {words.percent(value) if rate else words.number(value)}{of}"


def _more(step: Step, verdict: Verdict) -> str:
    assert step.metric
    found = gain(step.metric, verdict)
    if found is None:
        return ""
    (difference, bounds), rate = found, step.metric.kind is Kind.RATE
    size = _amount(abs(difference), rate=rate)
    unit = (" point" if size == "1" else " points") if rate else ""
    between = f" ({' to '.join(_amount(bound, rate=rate) for bound in bounds)})" if bounds else ""
    return f": {size}{unit} {'more' if difference >= 0 else 'less'}{between}"


def _amount(value: float, *, rate: bool) -> str:
    return words.hundredths(value) if rate else words.number(value)


def _conclusion(verdict: Verdict) -> str:
    """The first words of the reason: the numbers of the arms follow them, and have been told, like an e-value's p."""
    if verdict.outcome is Outcome.BLIND:
        return verdict.reason
    said, evidence = verdict.reason.partition(": ")[0], verdict.evidence
    return said.partition(" (p = ")[0] if evidence and evidence.proof is not None else said
