"""One event, one sentence: the words that the plain lines, the dashboard, `history` and `show` share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import assert_never

from mlship.journal.events import (
    BroughtUp,
    Chosen,
    Done,
    Entered,
    Event,
    Failed,
    Flagged,
    Intended,
    Looked,
    Parked,
    Passed,
    Progressed,
    Promoted,
    Reallocated,
    Reopened,
    Repaired,
    Requested,
    Reviewed,
    RollbackBegun,
    RollbackFailed,
    RolledBack,
    Settled,
    Started,
    Taken,
    TornDown,
)
from mlship.metrics.look import Look
from mlship.plan.outcome import Kind
from mlship.plan.step import Step
from mlship.plan.verdict import Verdict
from mlship.views import words
from mlship.views.contest import planned
from mlship.views.trial import sealed


def sentence(event: Event, steps: Sequence[Step] = ()) -> str:
    """What happened, in one line. `steps` are those of the rollout, so that a step has a name and not only a number."""
    return " ".join(_said(event, steps).split())


def _said(event: Event, steps: Sequence[Step]) -> str:
    match event:
        case Started() | Taken() | Requested():
            return _ordered(event)
        case Intended() | Progressed() | Done() | Failed():
            return _acted(event)
        case Entered() | Settled() | Looked() | Passed() | Chosen():
            return _stepped(event, steps)
        case Repaired() | Parked() | Reopened() | Flagged() | Reallocated():
            return _noted(event)
        case Reviewed():
            return _reviewed(event)
        case RollbackBegun() | RolledBack() | RollbackFailed() | Promoted() | BroughtUp() | TornDown():
            return _ended(event)
        case _:
            assert_never(event)


def step_name(index: int, steps: Sequence[Step]) -> str:
    """As in "step 3 of 7, canary 25 %"; only the number where the steps are not known."""
    if index >= len(steps):
        return f"step {index + 1}"
    return f"step {index + 1} of {len(steps)}, {title(steps[index])}"


def title(step: Step) -> str:
    """Stage and label of a step; the steps around the stages need no stage."""
    return f"{step.stage} {step.label}" if step.strategy else step.label


def act(intended: Intended) -> str:
    """An act under way, "starting 2 of v2"."""
    match intended.verb:
        case "ensure":
            return f"bringing {words.replicas({intended.model or '?': intended.replicas or 0})} to ready"
        case "route":
            return f"routing {words.weights(intended.routing)}" if intended.routing else "routing"
        case "retire":
            return f"draining and stopping {intended.model}"
        case verb:
            return f"{verb} {intended.model or ''}".rstrip()


def looked(event: Looked, explain: Collection[Verdict] = (), steps: Sequence[Step] = ()) -> str:
    """The numbers of a look and what the gates say; the verdicts in `explain` with their reasons."""
    explained = [(verdict, verdict.reason if verdict in explain else "") for verdict in event.verdicts]
    said = ", ".join(told + (f" ({reason})" if reason else "") for told, reason in together(explained))
    step = steps[event.step] if event.step < len(steps) else None
    counted = _counted(event.look, {mirror.model for mirror in step.routing.mirrors} if step else ())
    earned = _earned(event, step) if step else ""
    return f"look {event.look.number}: {counted}{_because(earned, '; ')}{_because(said, ' | ')}"


def together(verdicts: Iterable[tuple[Verdict, str]]) -> Iterator[tuple[str, str]]:
    """Gate and outcome, and why: what is the same of several challengers is said once, "fast (v2, v3) wait"."""
    whom: dict[tuple[str, str, str], list[str]] = {}
    for verdict, reason in verdicts:
        whom.setdefault((verdict.gate, verdict.outcome, reason), []).append(verdict.challenger)
    for (gate, outcome, reason), names in whom.items():
        of = f" ({', '.join(names)})" if any(names) else ""
        yield f"{gate}{of} {outcome}", reason


def _ordered(event: Started | Taken | Requested) -> str:
    match event:
        case Started(compiled=compiled):
            steps = words.plural(len(compiled.steps), "step")
            what = f"{planned(compiled)} is to replace {compiled.live}" if compiled.candidate else ""
            return f"rollout started by {event.by}: {what or f'{compiled.live} is to be brought up'}, in {steps}"
        case Taken():
            return f"{event.by} took the service over" + _because(event.reason)
        case Requested():
            order = f"{event.order} past every gate that has not failed" if event.full else event.order
            return f"{event.by} ordered: {order}" + _because(event.reason)
        case _:
            assert_never(event)


def _acted(event: Intended | Progressed | Done | Failed) -> str:
    match event:
        case Intended():
            return act(event)
        case Progressed():
            return event.what
        case Done():
            return f"{_came_out(event)} ({words.duration(event.seconds)})"
        case Failed():
            return f"{event.verb} {event.model or ''} failed: {event.message}"
        case _:
            assert_never(event)


def _came_out(event: Done) -> str:
    match event.verb:
        case "ensure":
            return f"{event.model} is ready"
        case "route":
            return "routing confirmed"
        case "retire":
            return f"{event.model} is stopped"
        case verb:
            return f"{verb} {event.model or ''} done"


def _stepped(event: Entered | Settled | Looked | Passed | Chosen, steps: Sequence[Step]) -> str:
    name = step_name(event.step, steps)
    match event:
        case Entered():
            return f"{name}, begins"
        case Settled():
            return f"{name}, in place" + _waits(event.step, steps)
        case Passed():
            return f"{name}, passed" + _because(event.reason)
        case Chosen():
            return f"{name}, {event.model} goes on" + _because(event.reason)
        case Looked():
            return looked(event, steps=steps)
        case _:
            assert_never(event)


def _waits(index: int, steps: Sequence[Step]) -> str:
    if index >= len(steps):
        return ""
    step = steps[index]
    waits = [f"at least {words.duration(step.hold)}"] if step.hold else []
    each = f" by each of {words.listed(step.challengers)}" if len(step.challengers) > 1 else ""
    kind = "copies answered" if step.routing.mirrors else "requests"
    waits += [f"{words.count(step.requests)} {kind}{each}"] if step.requests else []
    waits += [f"gates {', '.join(step.gates)}"] if step.gates else []
    return f", waits for {' and '.join(waits)}" if waits else ""


def _counted(look: Look, mirrored: Collection[str]) -> str:
    if look.tallies is None:
        return f"could not measure{_because(look.trouble)}"
    each = (
        f"{model} {_answered(tally.requests, copied=model in mirrored)}, {words.plural(tally.errors, 'error')}"
        for model, tally in sorted(look.tallies.items())
    )
    return "; ".join([*each, *_compared(look)]) or "no traffic"


def _answered(number: int, *, copied: bool) -> str:
    if not copied:
        return words.plural(number, "request")
    return f"{words.count(number)} {'copy' if number == 1 else 'copies'}"


def _compared(look: Look) -> Iterator[str]:
    """What is new of the answers, "v2 agrees in 970 of 1 000 pairs, 12 labelled"."""
    for model, answers in sorted(look.answers.items()):
        new = answers.total
        if new.pairs or new.labelled:
            agreed = f"{words.count(new.agreed)} of {words.plural(new.pairs, 'pair')}"
            yield f"{model} agrees in {agreed}" + (f", {words.count(new.labelled)} labelled" if new.labelled else "")


def _earned(event: Looked, step: Step) -> str:
    """What is new of the outcomes, "conversion v1 5.1 % of 420 users, v2 5.9 % of 418"."""
    arms = event.look.rewards.arms if event.look.rewards else {}
    counted = {arm: reward for arm, reward in arms.items() if reward.units}
    if step.metric is None or not counted:
        return ""
    units = "user" if step.routing.assign_by else "request"
    if any(sealed(verdict.evidence) for verdict in event.verdicts):
        return f"{words.plural(sum(reward.units for reward in counted.values()), units)} counted"
    shown = words.percent if step.metric.kind is Kind.RATE else words.number
    each = [
        f"{arm} {shown(reward.sum / reward.units)} of {words.count(reward.units)}" for arm, reward in counted.items()
    ]
    return f"{step.metric.name} {', '.join([f'{each[0]} {units}s', *each[1:]])}"


def _noted(event: Repaired | Parked | Reopened | Flagged | Reallocated) -> str:
    match event:
        case Repaired():
            return f"repaired: {event.what}"
        case Parked():
            return "parked, the traffic stays where it is" + _because(event.reason)
        case Reopened():
            return f"the service answers again after a downtime of {words.duration(event.downtime)}"
        case Flagged():
            rules = ", ".join(map(words.rule, event.rules)) or "nobody gets the candidate"
            return f"{event.by} changed the rules: {rules}" + _because(event.reason)
        case Reallocated():
            shares = ", ".join(f"{arm} {words.percent(part)}" for arm, part in event.propensities.items())
            return f"new weights: {shares}" + _because(event.reason)
        case _:
            assert_never(event)


def _reviewed(event: Reviewed) -> str:
    said = "; ".join(f"{verdict.name} {verdict.outcome}: {verdict.reason}" for verdict in event.verdicts)
    return f"late labels: {said or 'no gate judges answers'}"


def _ended(event: RollbackBegun | RolledBack | RollbackFailed | Promoted | BroughtUp | TornDown) -> str:
    match event:
        case RollbackBegun():
            return f"rolling back to {event.to}, by {event.by}" + _because(event.reason)
        case RolledBack():
            return f"rolled back: {event.to} serves everything after {words.duration(event.seconds)}"
        case RollbackFailed():
            return f"ROLLBACK INCOMPLETE, {event.to} does not serve everything: {event.message}"
        case Promoted():
            return f"{event.model} is live, {event.previous} is the way back"
        case BroughtUp():
            return f"{event.model} is live"
        case TornDown():
            return f"everything stopped by {event.by}"
        case _:
            assert_never(event)


def _because(reason: str, joint: str = ": ") -> str:
    return f"{joint}{reason}" if reason else ""
