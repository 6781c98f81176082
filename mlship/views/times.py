"""How long steps take at the least and at the most, as far as the plan decides it."""

from __future__ import annotations

from collections.abc import Iterable

from mlship.journal.state import RolloutState
from mlship.plan.step import Step


def waits(step: Step) -> bool:
    """The step can take longer than its hold, because something has to be seen first."""
    return bool(step.gates or step.guards or step.requests)


def least(steps: Iterable[Step]) -> float:
    """Seconds in which every step holds no longer than it must; starting models comes on top."""
    return sum(shortest(step) for step in steps)


def most(steps: Iterable[Step]) -> float:
    """Seconds until the last deadline; starting models comes on top."""
    return sum(longest(step) + (step.routing.shift.limit if step.routing.shift else 0.0) for step in steps)


def shortest(step: Step) -> float:
    """Least seconds in one step, those included in which the backend moves the traffic."""
    shift = step.routing.shift
    return step.hold + (shift.least if shift else 0.0)


def longest(step: Step) -> float:
    """Most seconds in one step once its routing is there."""
    return max(step.deadline, step.hold) if waits(step) else step.hold


def left(rollout: RolloutState, now: float) -> tuple[float, float]:
    """Least and most seconds that the rollout still takes."""
    ahead = rollout.compiled.steps[rollout.step + 1 :]
    if rollout.passed or rollout.current is None:
        return least(ahead), most(ahead)
    if rollout.began_at is None:
        return least((rollout.current, *ahead)), most((rollout.current, *ahead))
    held = now - rollout.began_at
    return (
        max(0.0, rollout.current.hold - held) + least(ahead),
        max(0.0, longest(rollout.current) - held) + most(ahead),
    )
