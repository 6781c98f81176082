"""Moments of the made-up rollout, and the pages that were looked at and found good."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import takewhile
from pathlib import Path

from rich.console import RenderableType

from mlship.journal.events import Event, Recorded
from mlship.journal.fold import apply
from mlship.journal.state import ServiceState
from mlship.views.feed import Feed
from mlship.views.page import text
from mlship.views.paper import Paper
from tests.views.contest_story import Contest
from tests.views.story import Story

GOOD = tuple(Story().tell())
BAD = tuple(Story(bad=2).tell())
CONTEST = tuple(Contest().tell())
HOPELESS = tuple(Contest(hopeless=True).tell())
ALONE = tuple(Contest(mirror={"v2": 10000}).tell())
PAGES = Path(__file__).parent / "pages"


def until(story: Iterable[Recorded], seconds: float) -> tuple[Recorded, ...]:
    """The events of the first `seconds`."""
    events = tuple(story)
    return tuple(takewhile(lambda recorded: recorded.at <= events[0].at + seconds, events))


def followed(events: Iterable[Recorded]) -> tuple[ServiceState, Feed]:
    """State and feed after `events`."""
    told = tuple(events)
    service = told[0].service if told else "fraud-scorer"
    state, feed = ServiceState(service=service), Feed(address="127.0.0.1:8080")
    for recorded in told:
        state, feed = apply(state, recorded), feed.after(recorded)
    return state, feed


def later(events: tuple[Recorded, ...], *more: Event) -> tuple[Recorded, ...]:
    """`events`, and some more a second later each."""
    last = events[-1]
    added = (
        Recorded(seq=last.seq + n, service=last.service, rollout=last.rollout, at=last.at + n, event=event)
        for n, event in enumerate(more, start=1)
    )
    return (*events, *added)


def page(name: str) -> str:
    """A page that was found good."""
    return (PAGES / f"{name}.txt").read_text(encoding="utf-8")


def printed(draw: Callable[[Paper], RenderableType], paper: Paper) -> str:
    """What a reader without colour sees."""
    return text(draw, paper)
