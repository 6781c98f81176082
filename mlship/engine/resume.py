"""What a run remembers, rebuilt from its journal: the same looks make the same verdicts."""

from __future__ import annotations

from collections.abc import Iterable

from mlship.engine.watch import Watch
from mlship.gates.panel import Panel
from mlship.journal.events import Looked, Recorded, Requested, RollbackBegun, Settled
from mlship.plan.step import CompiledPlan


def rebuild(events: Iterable[Recorded], *, compiled: CompiledPlan, panel: Panel, watch: Watch) -> None:
    """Feed every recorded look to the panel and the watch, in order."""
    for recorded in events:
        match recorded.event:
            case Settled(step=step, reading=reading):
                panel.begin(compiled.steps[step], recorded.at)
                watch.reading = reading
            case Looked(look=look, reading=reading):
                panel.absorb(look)
                watch.absorb(look, reading)
            case _:
                pass


def promoted_all_the_way(events: Iterable[Recorded]) -> bool:
    """Somebody asked for `promote --full`, and no rollback has begun since."""
    full = False
    for recorded in events:
        match recorded.event:
            case Requested(order="promote", full=True):
                full = True
            case RollbackBegun():
                full = False
            case _:
                pass
    return full
