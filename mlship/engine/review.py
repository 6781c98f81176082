"""The verdict opened again: labels that arrive after the promotion."""

from __future__ import annotations

from mlship.clock import Clock
from mlship.engine.listen import Listener
from mlship.engine.record import Record
from mlship.engine.resume import last_mark, rehear
from mlship.gates.jury import Jury
from mlship.journal.events import Entered, Reviewed
from mlship.journal.status import Status
from mlship.metrics.answers import AnswerSource
from mlship.metrics.look import Look
from mlship.plan.model import Plan
from mlship.plan.step import Step
from mlship.plan.verdict import Outcome, Verdict


def is_open(record: Record, plan: Plan, now: float) -> bool:
    """The latest rollout was promoted after a stage with mirrors, and the plan still watches for labels."""
    rollout, watched = record.rollout, plan.watch_labels
    ended = rollout.ended_at
    if rollout.status is not Status.PROMOTED or watched is None or ended is None:
        return False
    return now <= ended + watched.period and _compared(record) is not None


def review(*, plan: Plan, record: Record, source: AnswerSource, clock: Clock) -> tuple[Verdict, ...]:
    """Judge the promoted model by what has become known of its answers as a challenger; recorded, not acted on.

    Raises:
        OutOfReach: the answers cannot be read; nothing was recorded.
    """
    compared = _compared(record)
    assert compared is not None
    number, step, since = compared
    events, compiled, now = record.events(), record.rollout.compiled, clock.now()
    jury = Jury(gates=plan.gates, alpha=plan.alpha, compiled=compiled, sticky=plan.assign_by is not None)
    rehear(events, compiled=compiled, jury=jury)
    jury.begin(step, now)
    listener = Listener(source, settled=last_mark(events))
    empty = Look(
        number=record.rollout.looks + 1, start=record.rollout.ended_at or now, end=now, weights={}, tallies=None
    )
    look = listener.listened(empty, step.routing, since=since)
    jury.absorb(look)
    verdicts = tuple(
        verdict
        for verdict in jury.verdicts(approved=True)
        if verdict.gate in _over_answers(plan) and verdict.challenger in {"", compiled.candidate}
    )
    record(Reviewed(step=number, look=look, verdicts=verdicts, mark=listener.mark))
    listener.settle()
    return verdicts


def failed(verdicts: tuple[Verdict, ...]) -> Verdict | None:
    """The first verdict that stands against the promoted model."""
    return next((verdict for verdict in verdicts if verdict.outcome is Outcome.FAIL), None)


def _compared(record: Record) -> tuple[int, Step, float] | None:
    """The step with mirrors that was passed: its number, the step, when it began."""
    steps = record.rollout.compiled.steps
    for recorded in record.events():
        match recorded.event:
            case Entered(step=number) if steps[number].routing.mirrors:
                return number, steps[number], recorded.at
            case _:
                pass
    return None


def _over_answers(plan: Plan) -> frozenset[str]:
    from mlship.plan.gatebook import OVER_ANSWERS

    return frozenset(name for name, gate in plan.gates.items() if isinstance(gate, OVER_ANSWERS))
