"""One event, one sentence: the words that the plain lines, the dashboard, `history` and `show` share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import assert_never

from mlship.journal.events import (
    BroughtUp,
    Done,
    Entered,
    Event,
    Failed,
    Intended,
    Looked,
    Parked,
    Passed,
    Promoted,
    Reopened,
    Repaired,
    Requested,
    RollbackBegun,
    RollbackFailed,
    RolledBack,
    Settled,
    Started,
    Taken,
    TornDown,
)
from mlship.metrics.look import Look
from mlship.plan.step import Step
from mlship.plan.verdict import Verdict
from mlship.views import words


def sentence(event: Event, steps: Sequence[Step] = ()) -> str:
    """What happened, in one line. `steps` are those of the rollout, so that a step has a name and not only a number."""
    return " ".join(_said(event, steps).split())


def _said(event: Event, steps: Sequence[Step]) -> str:
    match event:
        case Started() | Taken() | Requested():
            return _ordered(event)
        case Intended() | Done() | Failed():
            return _acted(event)
        case Entered() | Settled() | Looked() | Passed():
            return _stepped(event, steps)
        case Repaired() | Parked() | Reopened():
            return _noted(event)
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


def looked(event: Looked, explain: Collection[Verdict] = ()) -> str:
    """The numbers of a look and what the gates say; the verdicts in `explain` with their reasons."""
    said = ", ".join(
        f"{verdict.gate} {verdict.outcome}" + (f" ({verdict.reason})" if verdict in explain and verdict.reason else "")
        for verdict in event.verdicts
    )
    return f"look {event.look.number}: {_counted(event.look)}{_because(said, ' | ')}"


def _ordered(event: Started | Taken | Requested) -> str:
    match event:
        case Started(compiled=compiled):
            steps = words.plural(len(compiled.steps), "step")
            what = f"{compiled.candidate} is to replace {compiled.live}" if compiled.candidate else ""
            return f"rollout started by {event.by}: {what or f'{compiled.live} is to be brought up'}, in {steps}"
        case Taken():
            return f"{event.by} took the service over" + _because(event.reason)
        case Requested():
            order = f"{event.order} past every gate that has not failed" if event.full else event.order
            return f"{event.by} ordered: {order}" + _because(event.reason)
        case _:
            assert_never(event)


def _acted(event: Intended | Done | Failed) -> str:
    match event:
        case Intended():
            return act(event)
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


def _stepped(event: Entered | Settled | Looked | Passed, steps: Sequence[Step]) -> str:
    name = step_name(event.step, steps)
    match event:
        case Entered():
            return f"{name}, begins"
        case Settled():
            return f"{name}, in place" + _waits(event.step, steps)
        case Passed():
            return f"{name}, passed" + _because(event.reason)
        case Looked():
            return looked(event)
        case _:
            assert_never(event)


def _waits(index: int, steps: Sequence[Step]) -> str:
    if index >= len(steps):
        return ""
    step = steps[index]
    waits = [f"at least {words.duration(step.hold)}"] if step.hold else []
    waits += [f"{words.count(step.requests)} requests"] if step.requests else []
    waits += [f"gates {', '.join(step.gates)}"] if step.gates else []
    return f", waits for {' and '.join(waits)}" if waits else ""


def _counted(look: Look) -> str:
    if look.tallies is None:
        return f"could not measure{_because(look.trouble)}"
    each = (
        f"{model} {words.plural(tally.requests, 'request')}, {words.plural(tally.errors, 'error')}"
        for model, tally in sorted(look.tallies.items())
    )
    return "; ".join(each) or "no traffic"


def _noted(event: Repaired | Parked | Reopened) -> str:
    match event:
        case Repaired():
            return f"repaired: {event.what}"
        case Parked():
            return "parked, the traffic stays where it is" + _because(event.reason)
        case Reopened():
            return f"the service answers again after a downtime of {words.duration(event.downtime)}"
        case _:
            assert_never(event)


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
