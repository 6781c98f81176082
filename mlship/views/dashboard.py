"""One screen that answers: where are we, is it going well, why, what next, and how do I get out?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace
from rich.console import Group
from rich.text import Text

from mlship.journal.state import ServiceState
from mlship.views.contest import challengers, contested
from mlship.views.feed import Feed
from mlship.views.panels.answers import answers
from mlship.views.panels.events import events
from mlship.views.panels.gates import gates
from mlship.views.panels.header import header, moment, way_back
from mlship.views.panels.models import models
from mlship.views.panels.outcomes import height as height_of_outcomes
from mlship.views.panels.outcomes import outcomes
from mlship.views.panels.rivals import height as height_of
from mlship.views.panels.rivals import rivals
from mlship.views.panels.steps import steps
from mlship.views.paper import WIDE, Paper, beside
from mlship.views.scene import Scene

_GAP = 3
_LEFT = 76
_MOST_STEPS = 12
_ENDLESS = 1000
_FRAME = 4
"""Lines that are always there: two of the header, the moment, the way back."""


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Lines for each panel, without titles. They depend on the plan and the terminal, never on what happens."""

    steps: int
    trends: bool
    gate: int
    events: int


def dashboard(state: ServiceState, feed: Feed, now: float, paper: Paper) -> Group:
    """The screen for `state`: lines of at most the paper's width, and no more of them than it has room for."""
    return Group(*draw(state, feed, now, paper))


def draw(state: ServiceState, feed: Feed, now: float, paper: Paper) -> list[Text]:
    """The lines of `dashboard`."""
    if state.rollout is None:
        return _crop([paper.line(" ", paper.say(state.service, "bold"), "  no rollout yet")], paper.height)
    scene = Scene(service=state, rollout=state.rollout, feed=feed, now=now)
    body = _wide(scene, paper) if paper.width >= WIDE else _narrow(scene, paper)
    top = [*header(scene, paper), moment(scene, paper)]
    return _crop([*top, *_crop(body, paper.height and paper.height - _FRAME), way_back(scene, paper)], paper.height)


def _narrow(scene: Scene, paper: Paper) -> list[Text]:
    sizes = _fit(scene, paper.height, side_by_side=False)
    return [*_course(scene, paper, sizes), *_judged(scene, paper, sizes.gate), *events(scene.feed, paper, sizes.events)]


def _wide(scene: Scene, paper: Paper) -> list[Text]:
    sizes = _fit(scene, paper.height, side_by_side=True)
    left, right = paper.part(_LEFT), paper.part(paper.width - _LEFT - _GAP)
    course, judged = _course(scene, left, sizes), _judged(scene, right, sizes.gate)
    return [*beside(paper, course, judged, _LEFT + _GAP), *events(scene.feed, paper, sizes.events)]


def _course(scene: Scene, paper: Paper, sizes: Sizes) -> list[Text]:
    compared = answers(scene, paper, scene.answering) if scene.answering else []
    return [
        *steps(scene, paper, sizes.steps),
        *models(scene, paper, trends=sizes.trends),
        *compared,
        *_earned(scene, paper),
    ]


def _earned(scene: Scene, paper: Paper) -> list[Text]:
    """Of as many lines as the largest experiment of the plan needs."""
    if scene.trial is None:
        return []
    found = outcomes(scene, paper, scene.trial)
    return [*found, *[Text()] * (height_of_outcomes(scene) - len(found))]


def _judged(scene: Scene, paper: Paper, lines_each: int) -> list[Text]:
    if scene.undecided:
        return rivals(scene, paper, lines_each)
    return gates(scene, paper, lines_each) if scene.gates else []


def _fit(scene: Scene, height: int | None, *, side_by_side: bool) -> Sizes:
    """The largest sizes for which everything fits; what another part of the rollout needs more stays free for events.

    Until one of several challengers is chosen the screen has other panels than afterwards: it keeps its height.
    """
    own = _largest(scene, height, side_by_side=side_by_side)
    room = _lines(scene, own, side_by_side=side_by_side)
    if not challengers(scene.rollout.compiled):
        return own
    other = _other(scene)
    rest = _lines(other, _largest(other, height, side_by_side=side_by_side), side_by_side=side_by_side)
    return replace(own, events=own.events + max(0, rest - room))


def _other(scene: Scene) -> Scene:
    """The same rollout before the choice, or after it."""
    compiled = scene.rollout.compiled
    step = len(compiled.steps) - 1 if scene.undecided else contested(compiled)
    rollout = msgspec.structs.replace(scene.rollout, step=step, passed=False, asked=None, verdicts=())
    return replace(scene, rollout=rollout)


def _largest(scene: Scene, height: int | None, *, side_by_side: bool) -> Sizes:
    """The largest sizes for which everything fits, grown in the order of what is missed most."""
    total = len(scene.rollout.compiled.steps)
    sizes = Sizes(steps=min(total, 1), trends=False, gate=0 if scene.undecided else 1, events=1)
    room = (height or _ENDLESS) - _FRAME
    for larger in _growth(total, several=bool(scene.undecided)):
        grown = replace(sizes, **larger)
        if _lines(scene, grown, side_by_side=side_by_side) <= room:
            sizes = grown
    return sizes


def _growth(total: int, *, several: bool) -> Iterator[dict[str, Any]]:
    yield {"steps": min(total, 3)}
    yield {"events": 2}
    yield from ({"gate": 1}, {"trends": True}) if several else ({"trends": True},)
    yield {"gate": 2}
    yield {"events": 3}
    yield {"gate": 3}
    yield {"events": 5}
    for rows in range(4, min(total, _MOST_STEPS) + 1):
        yield {"steps": rows}
    yield {"gate": 4}
    yield {"events": 8}


def _lines(scene: Scene, sizes: Sizes, *, side_by_side: bool) -> int:
    compared = 1 + len(scene.answering) if scene.answering else 0
    course = 2 + sizes.steps + len(scene.models) * (2 if sizes.trends else 1) + compared + height_of_outcomes(scene)
    if scene.undecided:
        judged = height_of(scene, sizes.gate)
    else:
        judged = 1 + len(scene.gates) * sizes.gate if scene.gates else 0
    return (max(course, judged) if side_by_side else course + judged) + 1 + sizes.events


def _crop(lines: list[Text], height: int | None) -> list[Text]:
    return lines if height is None else lines[: max(0, height)]
