"""The way back: freezes, queues and gates do not count; only the traffic does."""

from __future__ import annotations

from collections.abc import Mapping

from mlship.clock import Clock
from mlship.drivers.base import Observed, ObservedModel
from mlship.engine.hands import Hands
from mlship.engine.record import Record
from mlship.errors import JournalUnavailable, LeaseLost, MlshipError, ModelNotReady, RollbackIncomplete, UsageError
from mlship.journal.events import RollbackBegun, RollbackFailed, RolledBack
from mlship.journal.state import ServiceState
from mlship.journal.status import Status
from mlship.plan.routing import all_to
from mlship.plan.step import Step


def target_of(state: ServiceState, to: str | None) -> str | None:
    """The model to go back to: `to`, else the last good one. None where there is nothing to take back.

    Raises:
        UsageError: nobody knows a model named `to`, or the service is down.
    """
    rollout = state.rollout
    if rollout is None or state.down:
        raise UsageError(f"{state.service} is down", hint="`mlship deploy PLAN` brings it up again")
    if to is not None:
        if to not in state.models:
            known = ", ".join(sorted(state.models))
            raise UsageError(f"{state.service} has never had a model named {to!r}", hint=f"known models: {known}")
        return to
    if rollout.status is Status.PROMOTED:
        return state.previous
    if rollout.status in {Status.ROLLING_BACK, Status.ROLLBACK_INCOMPLETE}:
        return rollout.back_to
    return None if rollout.status.over else state.live


def way_back_to(target: str, replicas: Mapping[str, int], *, seen: Observed) -> Step:
    """All traffic to `target`; every other model that runs is stopped."""
    return Step(
        stage="rollback",
        strategy="",
        label=f"all to {target}",
        ready={target: replicas[target]},
        routing=all_to(target),
        keep={model: 0 for model in seen.models if model != target},
    )


def is_so_already(target: str, *, seen: Observed) -> bool:
    """Everything goes to `target`, and it serves."""
    return seen.router and seen.routing == all_to(target) and _serves(seen, target)


def roll_back(
    *, hands: Hands, record: Record, clock: Clock, way_back: Step, reason: str, by: str, seen: Observed | None = None
) -> None:
    """All traffic to the target of `way_back`; it is brought back first if it was retired.

    `seen` is what the caller has just observed: during an incident nothing is asked twice.

    Raises:
        RollbackIncomplete: the traffic could not be brought back; the message says what to do.
    """
    (target,) = way_back.routing.weights
    record(RollbackBegun(to=target, reason=reason, by=by))
    began = clock.now()
    hands.announce(way_back.routing, insist=True)
    try:
        _bring_back(hands, way_back, target, seen or hands.observe())
    except (LeaseLost, JournalUnavailable):
        raise
    except MlshipError as error:
        raise incomplete(record, target, error) from error
    seconds = clock.now() - began
    _clear_away(hands, way_back)
    record(RolledBack(to=target, seconds=seconds))


def incomplete(record: Record, target: str, error: MlshipError) -> RollbackIncomplete:
    """Record that a rollback has failed; what to raise for it, with the last lines of a model that did not start."""
    record(RollbackFailed(to=target, message=error.message))
    log = error.log if isinstance(error, ModelNotReady) else ()
    said = "".join(f"\n  | {line}" for line in log[-5:])
    message, service = f"the traffic could not be brought back to {target}: {error.message}{said}", record.state.service
    if not record.served:
        out = f"nothing was routed yet: `mlship down {service}` ends it, then deploy the corrected plan"
        return RollbackIncomplete(message, hint=f"{error.hint}; {out}" if error.hint else out)
    return RollbackIncomplete(
        message, hint=error.hint or f"make {target} able to start, then run `mlship rollback {service}` again"
    )


def _bring_back(hands: Hands, way_back: Step, target: str, seen: Observed) -> None:
    """Route to the target once it is ready; a target that runs short of replicas still beats the candidate."""
    try:
        hands.scale(way_back.ready, seen)
    except (LeaseLost, JournalUnavailable):
        raise
    except MlshipError:
        if not _serves(hands.observe(), target):
            raise
    hands.route(way_back.routing, seen, insist=True)


def _serves(seen: Observed, target: str) -> bool:
    return seen.models.get(target, ObservedModel()).ready > 0


def _clear_away(hands: Hands, way_back: Step) -> None:
    """Stop what was rejected. The users are safe already: what cannot be stopped is recorded, and `down` finds it."""
    leftovers = Step(
        stage=way_back.stage, strategy="", label=way_back.label, routing=way_back.routing, keep=way_back.keep
    )
    try:
        hands.carry_out(leftovers)
    except LeaseLost:
        raise
    except MlshipError:
        return
