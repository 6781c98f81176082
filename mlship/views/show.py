"""One rollout in detail: where it ended, its steps, what its gates said, and everything that happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from rich.console import Group, RenderableType
from rich.text import Text

from mlship.journal.events import Recorded
from mlship.journal.fold import apply
from mlship.journal.state import ServiceState
from mlship.views.feed import Feed
from mlship.views.glyphs import Glyphs
from mlship.views.news import News
from mlship.views.panels.contest import contest, experiment
from mlship.views.panels.gates import gates
from mlship.views.panels.header import header, moment
from mlship.views.panels.models import models
from mlship.views.panels.quality import kept, quality, summed
from mlship.views.panels.steps import steps
from mlship.views.paper import READABLE, Paper
from mlship.views.scene import Scene
from mlship.views.words import local_time


def show(
    events: Iterable[Recorded],
    now: float,
    paper: Paper,
    counts: Mapping[str, int] = MappingProxyType({}),
    *,
    manual: frozenset[str] = frozenset(),
) -> RenderableType:
    """The rollout that `events` (of one service, up to the rollout's last) end with.

    `counts` of the kept answers; `manual`: gates that somebody has to sign.
    """
    paper = paper.part(min(paper.width, READABLE))
    recorded = tuple(events)
    state, feed = follow(recorded, manual)
    if state is None or state.rollout is None:
        return paper.say("no rollout yet", "dim")
    scene = Scene(service=state, rollout=state.rollout, feed=feed, now=now)
    return Group(
        *header(scene, paper),
        moment(scene, paper),
        *steps(scene, paper, len(state.rollout.compiled.steps)),
        *_contests(scene, paper),
        *quality(summed(each.event for each in recorded if each.rollout == state.rollout.rollout), paper),
        *kept(counts, paper),
        *([] if scene.undecided and scene.mirrors else models(scene, paper, trends=True)),
        *(gates(scene, paper, 4) if feed.verdicts and not scene.undecided else []),
        paper.rule("events"),
        *_told(recorded, state.rollout.rollout, paper.glyphs),
    )


def _contests(scene: Scene, paper: Paper) -> Iterator[Text]:
    for index, step in enumerate(scene.rollout.compiled.steps):
        if step.routing.mirrors:
            yield from contest(scene, paper, step)
        elif index in scene.feed.trials:
            yield from experiment(scene, paper, index)


def follow(events: Iterable[Recorded], manual: frozenset[str] = frozenset()) -> tuple[ServiceState | None, Feed]:
    """The state after all events, and what the fold forgets of them; `manual`: gates that somebody has to sign."""
    state: ServiceState | None = None
    feed = Feed(manual=manual)
    for recorded in events:
        state, feed = apply(state or ServiceState(service=recorded.service), recorded), feed.after(recorded)
    return state, feed


def _told(events: Iterable[Recorded], rollout: str, glyphs: Glyphs) -> Iterator[Text]:
    news = News(every=None)
    for recorded in events:
        news, told = news.after(recorded)
        if told is not None and recorded.rollout == rollout:
            yield Text.assemble((f" {local_time(recorded.at)}  ", "dim"), glyphs.fit(told))
