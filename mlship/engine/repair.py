"""Putting the world back to what the record says, when no run is at work to do it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from mlship.drivers.base import Observed, ObservedModel
from mlship.engine.hands import Hands
from mlship.engine.record import Record
from mlship.errors import JournalUnavailable, LeaseLost, MlshipError, UsageError
from mlship.journal.events import Repaired, Taken
from mlship.journal.standing import Standing, standing
from mlship.journal.state import ServiceState
from mlship.journal.status import Status

Repair = tuple[str, Callable[[], None]]
"""What is put right, in words, and the act that does it."""


def refuse(state: ServiceState) -> None:
    """Only what nobody is half-way through can be put right without deciding anything.

    Raises:
        UsageError: the service is down, or has a rollout that must go on or back first.
    """
    name, rollout = state.service, state.rollout
    if rollout is None or state.down:
        raise UsageError(f"{name} is down", hint="`mlship deploy PLAN` brings it up again")
    if rollout.status is Status.RUNNING:
        raise UsageError(
            f"{name} has a rollout that was cut short",
            hint=f"`mlship resume {name}` goes on and repairs what it needs, `mlship rollback {name}` goes back",
        )
    if rollout.status in {Status.ROLLING_BACK, Status.ROLLBACK_INCOMPLETE}:
        raise UsageError(f"{name} is {rollout.status}", hint=f"`mlship rollback {name}` finishes it")


def repair(*, hands: Hands, record: Record, by: str) -> int:
    """Missing replicas up, the router up with the recorded routing, leftovers down; how many things were put right.

    One thing that cannot be put right stops none of the others: the live model and the router come first.

    Raises:
        MlshipError: the first thing that could not be put right.
    """
    due = standing(record.state)
    seen = hands.observe()
    repairs = list(_repairs(hands, due, seen, live=record.state.live or ""))
    if not repairs:
        return 0
    record(Taken(by=by, reason="repair"))
    failures: list[MlshipError] = []
    for what, act in repairs:
        try:
            act()
        except (LeaseLost, JournalUnavailable):
            raise
        except MlshipError as error:
            failures.append(error)
        else:
            record(Repaired(what=what))
    if failures:
        raise failures[0]
    return len(repairs)


def _repairs(hands: Hands, due: Standing, seen: Observed, *, live: str) -> Iterator[Repair]:
    missing = {model: wanted for model, wanted in due.least.items() if _is_short(seen, model, wanted)}
    if live in missing:
        yield _up(hands, live, missing.pop(live), seen)
    if due.routing is not None and not (seen.router and seen.routing == due.routing):
        what = "the routing is as recorded" if seen.router else "the router serves again"
        yield what, partial(hands.route, due.routing, seen, insist=True)
    for model, wanted in sorted(missing.items()):
        yield _up(hands, model, wanted, seen)
    for model in sorted(seen.models.keys() - due.explained):
        yield f"{model} was left over and is stopped", partial(hands.scale, {model: 0}, seen)


def _up(hands: Hands, model: str, wanted: int, seen: Observed) -> Repair:
    return f"{model} serves again", partial(hands.scale, {model: wanted}, seen)


def _is_short(seen: Observed, model: str, wanted: int) -> bool:
    there = seen.models.get(model, ObservedModel())
    return there.ready < max(wanted, there.running)
