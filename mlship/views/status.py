"""Where services stand, briefly: one in a few lines, several as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from mlship.journal.state import RolloutState, ServiceState
from mlship.views import words
from mlship.views.feed import Feed
from mlship.views.panels.header import header, moment, way_back
from mlship.views.paper import READABLE, Paper
from mlship.views.scene import Scene
from mlship.views.sentence import step_name


def status(states: Sequence[ServiceState], now: float, paper: Paper) -> RenderableType:
    """One service in a few lines, several as a table with one row each."""
    if not states:
        return paper.say("no service yet", "dim")
    return one(states[0], now, paper) if len(states) == 1 else every(states, now, paper)


def one(state: ServiceState, now: float, paper: Paper) -> RenderableType:
    """The latest rollout, what is under way, the traffic, the gates and the way back."""
    paper = paper.part(min(paper.width, READABLE))
    if state.rollout is None:
        return paper.line(paper.say(state.service, "bold"), f"  live: {state.live or 'nothing'}")
    scene = Scene(service=state, rollout=state.rollout, feed=Feed(), now=now)
    verdicts = [
        paper.line(f" {paper.glyphs.outcome(verdict.outcome)} {verdict.gate} {verdict.outcome}: ", verdict.reason)
        for verdict in state.rollout.verdicts
    ]
    return Group(
        *header(scene, paper),
        moment(scene, paper) if not state.down else paper.line(" ", paper.say("everything is stopped", "bold yellow")),
        paper.line(" ", _where(state.rollout)),
        *verdicts,
        way_back(scene, paper),
    )


def every(states: Sequence[ServiceState], now: float, paper: Paper) -> RenderableType:
    """One row per service."""
    from mlship.views.table import table

    heads = ("service", "live", "rollout", "status", "candidate", "traffic", "since", "why")
    return table(paper, heads, [_row(state, now, paper) for state in states], frozenset({"since"}))


def _where(rollout: RolloutState) -> Text | str:
    traffic = words.weights(rollout.asked) if rollout.asked else "no routing yet"
    return f"{step_name(rollout.step, rollout.compiled.steps)}; traffic: {traffic}"


def _row(state: ServiceState, now: float, paper: Paper) -> tuple[str, ...]:
    rollout = state.rollout
    if rollout is None:
        return (state.service, state.live or "", *[""] * 6)
    return (
        state.service,
        state.live or "",
        rollout.rollout,
        "stopped" if state.down else f"{paper.glyphs.status(rollout.status)} {rollout.status}",
        rollout.compiled.candidate or "",
        words.weights(rollout.asked) if rollout.asked else "",
        words.duration(round(now - (rollout.ended_at or rollout.started_at))),
        rollout.reason,
    )
