"""Where services stand, briefly: one in a few lines, several as a table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec.structs import replace
from rich.console import Group, RenderableType
from rich.text import Text

from mlship.journal.state import RolloutState, ServiceState
from mlship.plan.verdict import Verdict
from mlship.views import words
from mlship.views.contest import contenders
from mlship.views.feed import Feed
from mlship.views.panels.header import header, moment, stands, way_back
from mlship.views.paper import READABLE, Paper
from mlship.views.scene import Scene
from mlship.views.sentence import step_name


def status(
    states: Sequence[ServiceState],
    now: float,
    paper: Paper,
    feeds: Mapping[str, Feed] | None = None,
    *,
    unattended: Collection[str] = (),
) -> RenderableType:
    """One service in a few lines, several as a table with one row each.

    `feeds` has, by service, what the fold forgets: with it, the answers of challengers are told too. `unattended` are
    the services with a rollout under way that nobody is at work on.
    """
    if not states:
        return paper.say("no service yet", "dim")
    if len(states) > 1:
        return every(states, now, paper, unattended=unattended)
    name = states[0].service
    return one(states[0], now, paper, (feeds or {}).get(name), unattended=name in unattended)


def one(
    state: ServiceState, now: float, paper: Paper, feed: Feed | None = None, *, unattended: bool = False
) -> RenderableType:
    """The latest rollout, what is under way, the traffic, the gates and the way back."""
    paper = paper.part(min(paper.width, READABLE))
    if state.rollout is None:
        return paper.line(paper.say(state.service, "bold"), f"  live: {state.live or 'nothing'}")
    scene = Scene(service=state, rollout=state.rollout, feed=feed or Feed(), now=now, unattended=unattended)
    if state.down:
        stopped = paper.say("everything is stopped", "bold yellow")
        return Group(*header(scene, paper), paper.line(" ", stopped, "; up again with: mlship deploy PLAN"))
    return Group(
        *header(scene, paper),
        moment(scene, paper),
        *(paper.line(" ", line) for line in _where(state, state.rollout)),
        *_judged(scene, paper),
        *_answered(scene, paper),
        *_earned(scene, paper),
        way_back(scene, paper),
    )


def _judged(scene: Scene, paper: Paper) -> Iterator[Text]:
    """A line per gate; of several challengers a line for each."""
    if scene.undecided:
        from mlship.views.panels.rivals import standing

        yield from (standing(scene, paper, challenger) for challenger in scene.undecided)
        return
    reviewed = scene.rollout.reviewed
    yield from (_verdict(paper, verdict, "") for verdict in scene.rollout.verdicts if not verdict.challenger)
    yield from (_verdict(paper, verdict, "late labels: ") for verdict in (reviewed.verdicts if reviewed else ()))


def _answered(scene: Scene, paper: Paper) -> Sequence[Text]:
    if not scene.feed.answers:
        return ()
    from mlship.views.panels.answers import answers

    return answers(scene, paper, scene.challengers)


def _earned(scene: Scene, paper: Paper) -> Sequence[Text]:
    if scene.trial is None or scene.trial not in scene.feed.trials:
        return ()
    from mlship.views.panels.outcomes import outcomes

    return outcomes(scene, paper, scene.trial)


def _verdict(paper: Paper, verdict: Verdict, when: str) -> Text:
    sign = paper.glyphs.outcome(verdict.outcome)
    return paper.line(f" {sign} {when}{verdict.name} {verdict.outcome}: ", verdict.reason)


def every(
    states: Sequence[ServiceState], now: float, paper: Paper, *, unattended: Collection[str] = ()
) -> RenderableType:
    """One row per service."""
    from mlship.views.table import table

    heads = ("service", "live", "rollout", "status", "candidate", "traffic", "since", "why")
    rows = [_row(state, now, paper, unattended=state.service in unattended) for state in states]
    return table(paper, heads, rows, frozenset({"since"}), frozenset({"traffic"}))


def _where(state: ServiceState, rollout: RolloutState) -> Iterator[str]:
    # Until a rollout has routed, what the one before has left serves.
    asked = rollout.asked or state.routing
    traffic = words.weights(replace(asked, mirrors=())) if asked else "no routing yet"
    yield f"{step_name(rollout.step, rollout.compiled.steps)}; traffic: {traffic}"
    if asked and asked.mirrors:
        yield words.copies(asked)


def _row(state: ServiceState, now: float, paper: Paper, *, unattended: bool) -> tuple[str, ...]:
    rollout = state.rollout
    if rollout is None:
        return (state.service, state.live or "", *[""] * 6)
    asked = rollout.asked or state.routing
    return (
        state.service,
        state.live or "",
        rollout.rollout,
        "stopped" if state.down else stands(rollout.status, paper, unattended=unattended)[0],
        contenders(rollout),
        words.stacked(asked) if asked and not state.down else "",
        words.duration(round(now - (rollout.ended_at or rollout.started_at))),
        rollout.reason,
    )
