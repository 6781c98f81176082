"""What the dashboard shows and the fold of the journal forgets: the last looks, step times, what was said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from mlship.journal.events import (
    Entered,
    Event,
    Intended,
    Looked,
    Passed,
    Recorded,
    RollbackBegun,
    Settled,
    Started,
)
from mlship.metrics.look import Look
from mlship.plan.verdict import Verdict
from mlship.views.news import News

KEPT_LOOKS = 40
KEPT_SENTENCES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """When a step began, and when it was passed."""

    entered: float
    passed: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Grows by one event at a time; a new rollout starts it afresh."""

    address: str = ""
    """Where users send their requests."""
    looks: tuple[Look, ...] = ()
    """The last `KEPT_LOOKS` looks, without the one at the history."""
    totals: Mapping[str, int] = field(default_factory=dict)
    """Requests per model since the rollout began."""
    in_step: Mapping[str, int] = field(default_factory=dict)
    """Requests per model since the step at work was in place."""
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    """What each gate said last, in whatever step."""
    spans: Mapping[int, Span] = field(default_factory=dict)
    rolling_to: str | None = None
    """The model that a rollback brings back."""
    told: tuple[tuple[float, str], ...] = ()
    """When and what, oldest first."""
    news: News = field(default_factory=lambda: News(every=None, numbers=False))

    def after(self, recorded: Recorded) -> Feed:
        """This feed and one event more."""
        counted = _counted(self, recorded.event, recorded.at)
        news, told = self.news.after(recorded)
        if told is None or isinstance(recorded.event, Intended | Settled):
            return replace(counted, news=news)
        return replace(counted, news=news, told=(*self.told, (recorded.at, told))[-KEPT_SENTENCES:])


def _counted(feed: Feed, event: Event, at: float) -> Feed:
    match event:
        case Started():
            return Feed(address=feed.address)
        case Entered() | Settled() | Passed():
            return _stepped(feed, event, at)
        case RollbackBegun(to=to):
            return replace(feed, in_step={}, rolling_to=to)
        case Looked() if event.look.number > 0:
            return _looked(feed, event.look, event.verdicts)
        case _:
            return feed


def _stepped(feed: Feed, event: Entered | Settled | Passed, at: float) -> Feed:
    match event:
        case Entered(step=step):
            return replace(feed, in_step={}, spans={**feed.spans, step: Span(entered=at)})
        case Settled():
            return replace(feed, in_step={})
        case Passed(step=step):
            entered = feed.spans[step].entered if step in feed.spans else at
            return replace(feed, spans={**feed.spans, step: Span(entered=entered, passed=at)})
        case _:
            assert_never(event)


def _looked(feed: Feed, look: Look, verdicts: tuple[Verdict, ...]) -> Feed:
    return replace(
        feed,
        looks=(*feed.looks, look)[-KEPT_LOOKS:],
        totals=_plus(feed.totals, look),
        verdicts={**feed.verdicts, **{verdict.gate: verdict for verdict in verdicts}},
        in_step=feed.in_step if look.settling else _plus(feed.in_step, look),
    )


def _plus(totals: Mapping[str, int], look: Look) -> Mapping[str, int]:
    added = dict(totals)
    for model, tally in (look.tallies or {}).items():
        added[model] = added.get(model, 0) + tally.requests
    return added
