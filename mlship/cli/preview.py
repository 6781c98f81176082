"""What a plan would do, for `plan` and for the question that `deploy` asks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mlship.cli import wiring
from mlship.drivers.base import Observed
from mlship.errors import MlshipError
from mlship.strategies import compile_plan
from mlship.views.outline import outline
from mlship.views.page import emit

if TYPE_CHECKING:
    from mlship.cli.launch import Departure


def print_preview(departure: Departure) -> None:
    """Drift, steps, times, risks and the way back."""
    plan = departure.plan
    compiled = compile_plan(plan, live=departure.live)
    state = departure.journal.state(plan.service)
    seen = observed(departure)
    emit(lambda paper: outline(compiled, plan, seen, state if state.rollout else None, paper), sys.stdout)


def observed(departure: Departure) -> Observed | None:
    """What is really there; None where the backend does not tell."""
    try:
        return wiring.open_driver(departure.plan, fence=None, clock=departure.clock).observe()
    except MlshipError:
        return None
