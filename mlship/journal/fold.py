"""State is the fold of the journal: `apply` one event, `fold` them all. Nothing else is state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any, assert_never

from msgspec.structs import replace

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
    Recorded,
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
from mlship.journal.state import Reroute, RolloutState, ServiceState
from mlship.journal.status import Status
from mlship.plan.routing import Routing, all_to
from mlship.plan.step import CompiledPlan


def fold(service: str, events: Iterable[Recorded]) -> ServiceState:
    """The state that a record amounts to; total: no order of events is an error."""
    return reduce(apply, events, ServiceState(service=service))


def apply(state: ServiceState, recorded: Recorded) -> ServiceState:
    """One event further. Events of a rollout that is not the latest change only what is live."""
    state = replace(_service(state, recorded), seq=max(state.seq, recorded.seq))
    rollout = state.rollout
    if rollout is None or rollout.rollout != recorded.rollout:
        return state
    return replace(state, rollout=_rollout(rollout, recorded.at, recorded.event))


def _service(state: ServiceState, recorded: Recorded) -> ServiceState:
    match recorded.event:
        case Started() as started:
            return _known(replace(_live(state, started.compiled.live), rollout=_begun(recorded, started)), started)
        case Promoted(model=model, previous=previous):
            return _live(replace(state, previous=previous, routing=all_to(model)), model)
        case RolledBack(to=to):
            state = replace(state, routing=all_to(to))
            return _live(state if to == state.live else replace(state, previous=state.live), to)
        case BroughtUp(model=model):
            return _live(replace(state, routing=all_to(model)), model)
        case TornDown():
            return replace(state, live=None, previous=None, routing=None, down=True)
        case _:
            return state


def _live(state: ServiceState, model: str) -> ServiceState:
    previous = None if state.previous == model else state.previous
    return replace(state, live=model, previous=previous, down=False)


def _begun(recorded: Recorded, started: Started) -> RolloutState:
    return RolloutState(
        rollout=recorded.rollout,
        status=Status.RUNNING,
        compiled=started.compiled,
        plan=started.plan,
        base=started.base,
        by=started.by,
        started_at=recorded.at,
    )


def _known(state: ServiceState, started: Started) -> ServiceState:
    documents = started.plan.get("models")
    if not isinstance(documents, Mapping):
        return state
    models = {name: document for name, document in documents.items() if isinstance(document, Mapping)}
    bases = dict.fromkeys(models, started.base)
    return replace(state, models={**state.models, **models}, bases={**state.bases, **bases})


def _rollout(rollout: RolloutState, at: float, event: Event) -> RolloutState:  # noqa: PLR0911 - one per family
    match event:
        case Intended() | Done() | Failed():
            return _acted(rollout, event)
        case Entered() | Settled() | Looked() | Passed() | Chosen():
            return _stepped(rollout, at, event)
        case Taken() | Requested() | Parked():
            return _steered(rollout, at, event)
        case Flagged() | Reallocated():
            return _flagged(rollout, event) if isinstance(event, Flagged) else _reallocated(rollout, event)
        case RollbackBegun() | RollbackFailed():
            return _turned(rollout, event)
        case RolledBack() | Promoted() | BroughtUp() | TornDown():
            return _ended(rollout, at, event)
        case Started() | Repaired() | Reopened() | Reviewed() | Progressed():
            return _told(rollout, event)
        case _:
            assert_never(event)


def _told(rollout: RolloutState, event: Started | Repaired | Reopened | Reviewed | Progressed) -> RolloutState:
    match event:
        case Reopened(downtime=downtime):
            return replace(rollout, downtime=downtime)
        case Reviewed(look=look):
            return replace(rollout, reviewed=event, looks=look.number)
        case _:
            return rollout


def _acted(rollout: RolloutState, event: Intended | Done | Failed) -> RolloutState:
    match event:
        case Intended():
            return replace(rollout, pending=event)
        case Done(verb="route") if rollout.pending is not None and rollout.pending.routing is not None:
            return _routed(rollout, rollout.pending.routing)
        case Done(verb="ensure", model=str(model)):
            return replace(rollout, pending=None, ensured=rollout.ensured | {model})
        case Done() | Failed():
            return replace(rollout, pending=None)
        case _:
            assert_never(event)


def _routed(rollout: RolloutState, routing: Routing) -> RolloutState:
    # A shift has started what it has moved the traffic to.
    started = routing.models if routing.shift else frozenset()
    return replace(rollout, pending=None, asked=routing.reached, ensured=rollout.ensured | started)


def _stepped(rollout: RolloutState, at: float, event: Entered | Settled | Looked | Passed | Chosen) -> RolloutState:
    match event:
        case Chosen(compiled=compiled):
            return replace(rollout, compiled=compiled)
        case Entered(step=step):
            return replace(
                rollout, step=step, entered_at=at, settled_at=None, held_since=None, reroutes=(), passed=False
            )
        case Settled(step=step, revision=revision):
            # Rules that were changed while the older ones were routed are still to be carried out.
            latest = step == rollout.step and revision == rollout.revision
            return _settled(rollout, at) if latest else rollout
        case Looked(look=look):
            if look.number == 0:
                return replace(rollout, history=event)
            return replace(rollout, last=event, looks=look.number, verdicts=event.verdicts)
        case Passed(step=step):
            return _passed(rollout) if step == rollout.step else rollout
        case _:
            assert_never(event)


def _settled(rollout: RolloutState, at: float) -> RolloutState:
    current = rollout.current
    weights = dict(current.routing.weights) if current else {}
    return replace(rollout, settled_at=at, reroutes=(*rollout.reroutes, Reroute(at=at, weights=weights)))


def _passed(rollout: RolloutState) -> RolloutState:
    order = rollout.order
    answered = order is not None and order.order == "promote" and not order.full
    return replace(rollout, passed=True, order=None if answered else order)


def _steered(rollout: RolloutState, at: float, event: Taken | Requested | Parked) -> RolloutState:
    if rollout.status.over:
        return rollout
    match event:
        case Taken(reason="resume"):
            return _unparked(_unpaused(rollout, at), at)
        case Taken(reason="schedule"):
            return _unparked(rollout, at)
        case Taken():
            return rollout
        case Requested():
            return _ordered(rollout, at, event)
        case Parked(reason=reason):
            return replace(rollout, status=Status.PARKED, reason=reason, order=_unless(rollout.order, "pause"))
        case _:
            assert_never(event)


def _flagged(rollout: RolloutState, flagged: Flagged) -> RolloutState:
    # What was changed meanwhile, or is over, keeps what it has: whoever asked sees that the rules are not theirs.
    stale = flagged.revision != rollout.revision + 1 or flagged.step != rollout.step or rollout.passed
    if stale or rollout.status not in {Status.RUNNING, Status.PARKED}:
        return rollout
    # The step is carried out anew, and its hold time begins again.
    compiled = _rerouted(rollout.compiled, flagged.step, rules=flagged.rules)
    return replace(rollout, compiled=compiled, revision=flagged.revision, settled_at=None, held_since=None)


def _reallocated(rollout: RolloutState, moved: Reallocated) -> RolloutState:
    if moved.revision != rollout.revision + 1 or moved.step != rollout.step or rollout.passed:
        return rollout
    # The step goes on: its hold time and its deadline count from where they did.
    compiled = _rerouted(rollout.compiled, moved.step, segments=moved.segments)
    began = rollout.began_at
    return replace(rollout, compiled=compiled, revision=moved.revision, settled_at=None, held_since=began)


def _rerouted(compiled: CompiledPlan, number: int, **changes: Any) -> CompiledPlan:  # noqa: ANN401 - parts of a Routing
    steps = list(compiled.steps)
    steps[number] = replace(steps[number], routing=replace(steps[number].routing, **changes))
    return replace(compiled, steps=tuple(steps))


def _unparked(rollout: RolloutState, at: float) -> RolloutState:
    # The hold time and the deadline of a step begin again once somebody lets it go on.
    if rollout.status is not Status.PARKED:
        return rollout
    return replace(rollout, status=Status.RUNNING, reason="", **_begun_anew(rollout, at))


def _unpaused(rollout: RolloutState, at: float) -> RolloutState:
    anew = _begun_anew(rollout, at) if rollout.paused else {}
    return replace(rollout, order=_unless(rollout.order, "pause"), paused=False, **anew)


def _begun_anew(rollout: RolloutState, at: float) -> dict[str, float | None]:
    """The clock of the step, where it runs."""
    return {"settled_at": rollout.settled_at and at, "held_since": rollout.held_since and at}


def _ordered(rollout: RolloutState, at: float, order: Requested) -> RolloutState:
    # An abort that is not carried out yet outlives every later order.
    standing = order if rollout.order is None or rollout.order.order != "abort" else rollout.order
    match order.order:
        case "pause":
            return replace(rollout, order=standing, paused=True)
        case "resume":
            return _unpaused(rollout, at)
        case "approve":
            return replace(rollout, approved_step=rollout.step)
        case "promote" | "abort":
            return replace(rollout, order=standing)
        case _:
            return rollout


def _unless(order: Requested | None, answered: str) -> Requested | None:
    return None if order is not None and order.order == answered else order


def _turned(rollout: RolloutState, event: RollbackBegun | RollbackFailed) -> RolloutState:
    turned = replace(rollout, order=None, paused=False, ended_at=None)
    match event:
        case RollbackBegun(to=to, reason=reason):
            return replace(turned, status=Status.ROLLING_BACK, reason=reason, back_to=to)
        case RollbackFailed(message=message):
            return replace(turned, status=Status.ROLLBACK_INCOMPLETE, reason=message)
        case _:
            assert_never(event)


def _ended(rollout: RolloutState, at: float, event: RolledBack | Promoted | BroughtUp | TornDown) -> RolloutState:
    ended = replace(rollout, ended_at=at, order=None, pending=None, paused=False)
    match event:
        case RolledBack():
            return replace(ended, status=Status.ROLLED_BACK)
        case Promoted():
            return replace(ended, status=Status.PROMOTED, reason="")
        case BroughtUp():
            return replace(ended, status=Status.BROUGHT_UP, reason="")
        case TornDown():
            # What was over stays what it was: a promotion is one, also after `mlship down`.
            return rollout if rollout.status.over else replace(ended, status=Status.TORN_DOWN)
        case _:
            assert_never(event)
