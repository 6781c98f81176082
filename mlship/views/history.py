"""The rollouts of a service, newest first."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType

from mlship.journal.events import Recorded
from mlship.journal.fold import apply
from mlship.journal.state import RolloutState, ServiceState
from mlship.views import words
from mlship.views.contest import contenders
from mlship.views.paper import Paper
from mlship.views.sentence import title
from mlship.views.table import table

_HEADS = ("rollout", "started", "models", "ended", "took", "at", "by", "why")


def rollouts(events: Iterable[Recorded]) -> tuple[RolloutState, ...]:
    """Every rollout in the events of one service, oldest first, each as it stood last."""
    found: dict[str, RolloutState] = {}
    state: ServiceState | None = None
    for recorded in events:
        state = apply(state or ServiceState(service=recorded.service), recorded)
        if state.rollout is not None:
            found[state.rollout.rollout] = state.rollout
    return tuple(found.values())


def history(past: Iterable[RolloutState], paper: Paper) -> RenderableType:
    """One row per rollout."""
    rows = [_row(rollout, paper) for rollout in reversed(tuple(past))]
    if not rows:
        return paper.say("no rollout yet", "dim")
    return table(paper, _HEADS, rows, frozenset({"took"}))


def _row(rollout: RolloutState, paper: Paper) -> tuple[str, ...]:
    compiled, step = rollout.compiled, rollout.current
    moving = f"{compiled.live} {paper.glyphs.arrow} {contenders(rollout)}" if compiled.candidate else compiled.live
    took = words.duration(rollout.ended_at - rollout.started_at) if rollout.ended_at else ""
    return (
        rollout.rollout,
        words.local_day(rollout.started_at),
        moving,
        f"{paper.glyphs.status(rollout.status)} {rollout.status}",
        took,
        title(step) if step else "",
        rollout.by,
        rollout.reason,
    )
