"""What a decision depends on, from what is recorded: the same for the run at work and for a replay of it."""

from __future__ import annotations

from mlship.engine.decide import Order, Situation
from mlship.gates.jury import Jury
from mlship.journal.events import Looked, Recorded
from mlship.journal.state import RolloutState
from mlship.plan.gatebook import signatures
from mlship.plan.model import Plan


def situation(looked: Recorded, rollout: RolloutState, *, plan: Plan, jury: Jury, full: bool) -> Situation:
    """After the look `looked`, in the state `rollout`, with a jury that has absorbed it.

    `full`: somebody asked to promote all the way. Times are those of the record, so a replay decides at the same ones.
    """
    assert isinstance(looked.event, Looked)
    step, order = rollout.compiled.steps[looked.event.step], rollout.order
    verdicts = looked.event.verdicts
    return Situation(
        step=step,
        now=looked.at,
        settled_at=looked.at if rollout.began_at is None else rollout.began_at,
        verdicts=verdicts,
        unsigned=frozenset() if rollout.signed else signatures(plan.gates),
        requests=jury.requests,
        copies=jury.copies,
        paused=rollout.paused,
        order=Order(verb=order.order, by=order.by, reason=order.reason) if order else None,
        full=full,
        allocation=jury.allocation(verdicts, looked.at, salt=f"{looked.rollout} {rollout.revision}"),
    )
