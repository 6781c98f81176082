"""What a plan would do, for `plan` and for the question that `deploy` asks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group

from mlship.cli import wiring
from mlship.cli.output import say
from mlship.drivers.base import Observed
from mlship.drivers.room import Limited, Roomy
from mlship.errors import MlshipError
from mlship.strategies import compile_plan
from mlship.views.capacity import capacity, contained, limited, shortages
from mlship.views.outline import outline
from mlship.views.page import emit

if TYPE_CHECKING:
    from mlship.cli.launch import Departure
    from mlship.plan.capacity import Room
    from mlship.plan.step import Step


def print_preview(departure: Departure) -> None:
    """Drift, steps, times, risks, the way back, and whether all of it fits."""
    plan = departure.plan
    compiled = compile_plan(plan, live=departure.live)
    state = departure.journal.state(plan.service)
    seen, room = observed(departure), room_for(departure)
    shown = state if state.rollout else None
    limits = beyond_limits(departure, compiled.steps)
    emit(
        lambda paper: Group(
            outline(compiled, plan, seen, shown, paper),
            *capacity(compiled, plan, room, paper),
            *limited(limits, paper),
        ),
        sys.stdout,
    )


def warn(departure: Departure) -> None:
    """Say on stderr what does not fit, and go on: limits are the most that a replica may take, not what it takes."""
    compiled = compile_plan(departure.plan, live=departure.live)
    for lack in shortages(compiled, departure.plan, room_for(departure)):
        say(f"warning: does not fit: {lack}")
    for lack in beyond_limits(departure, compiled.steps):
        say(f"warning: does not fit: {lack}")


def observed(departure: Departure) -> Observed | None:
    """What is really there; None where the backend does not tell."""
    try:
        return wiring.open_driver(departure.plan, fence=None, clock=departure.clock).observe()
    except MlshipError:
        return None


def beyond_limits(departure: Departure, steps: Sequence[Step]) -> Sequence[str]:
    """What the backend does not allow; nothing where it does not tell."""
    try:
        driver = wiring.open_driver(departure.plan, fence=None, clock=departure.clock)
        return list(driver.shortages(steps)) if isinstance(driver, Limited) else []
    except MlshipError:
        return []


def room_for(departure: Departure) -> Room | None:
    """What the backend's machine has; None where it does not tell, or where no model says what it takes."""
    if not contained(departure.plan):
        return None
    try:
        driver = wiring.open_driver(departure.plan, fence=None, clock=departure.clock)
        return driver.room() if isinstance(driver, Roomy) else None
    except MlshipError:
        return None
