"""What a run remembers, rebuilt from its journal: the same looks make the same verdicts."""

from __future__ import annotations

from collections.abc import Iterable

from mlship.engine.watch import Watch
from mlship.gates.jury import Jury
from mlship.journal.events import Chosen, Looked, Recorded, Requested, Reviewed, RollbackBegun, Settled
from mlship.journal.fold import apply
from mlship.journal.state import RolloutState, ServiceState
from mlship.plan.step import CompiledPlan


def rebuild(events: Iterable[Recorded], *, jury: Jury, watch: Watch) -> None:
    """Feed every recorded look to the jury and the watch, in order."""
    state = ServiceState(service="")
    for recorded in events:
        state = apply(state, recorded)
        match recorded.event:
            case Settled(step=step, reading=reading):
                assert state.rollout is not None
                # The rules and weights of a step may have been others then.
                settled(jury, state.rollout, step, recorded.at)
                watch.reading = reading
            case Looked(look=look, reading=reading):
                jury.absorb(look)
                watch.absorb(look, reading)
            case Chosen(model=model):
                jury.choose(model)
            case _:
                pass


def settled(jury: Jury, rollout: RolloutState, step: int, at: float) -> None:
    """Tell the jury that step `step` begins, or goes on with other weights; `rollout` is as of then."""
    if rollout.held_since is None:
        jury.begin(rollout.compiled.steps[step], at)
    else:
        jury.reroute(rollout.compiled.steps[step], at)


def rehear(events: Iterable[Recorded], *, compiled: CompiledPlan, jury: Jury) -> None:
    """Feed every recorded look to the jury alone, those after the promotion included."""
    for recorded in events:
        match recorded.event:
            case Settled(step=step):
                jury.begin(compiled.steps[step], recorded.at)
            case Looked(look=look) | Reviewed(look=look):
                jury.absorb(look)
            case Chosen(model=model):
                jury.choose(model)
            case _:
                pass


def last_mark(events: Iterable[Recorded]) -> str:
    """Up to where answers have been read into the journal; empty: none have."""
    heard = (recorded.event for recorded in events if isinstance(recorded.event, Looked | Reviewed))
    marks = [event.mark for event in heard if event.mark]
    return marks[-1] if marks else ""


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
