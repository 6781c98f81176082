"""What the dashboard shows and the fold of the journal forgets: the last looks, step times, what was said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from mlship.journal.events import (
    Chosen,
    Entered,
    Event,
    Intended,
    Looked,
    Passed,
    Recorded,
    Reviewed,
    RollbackBegun,
    Settled,
    Started,
)
from mlship.metrics.counters import Tally
from mlship.metrics.look import Look
from mlship.plan.verdict import Verdict
from mlship.views.answered import Answered
from mlship.views.figures import together
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
    copied: Mapping[str, Tally] = field(default_factory=dict)
    """What live and the challengers came to over the looks under copies."""
    answers: Mapping[str, Answered] = field(default_factory=dict)
    """Per challenger, since the rollout began."""
    judged: tuple[Verdict, ...] = ()
    """What was said last in the step that the challengers are judged in."""
    chosen: str = ""
    """Why the challenger that goes on does."""
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
        case Entered() | Settled() | Passed() | Chosen():
            return _stepped(feed, event, at)
        case Reviewed(look=look):
            return replace(feed, answers=_heard(feed.answers, look))
        case RollbackBegun(to=to):
            return replace(feed, in_step={}, rolling_to=to)
        case Looked() if event.look.number > 0:
            return _looked(feed, event)
        case _:
            return feed


def _stepped(feed: Feed, event: Entered | Settled | Passed | Chosen, at: float) -> Feed:
    match event:
        case Chosen(reason=reason):
            return replace(feed, chosen=reason)
        case Entered(step=step):
            return replace(feed, in_step={}, spans={**feed.spans, step: Span(entered=at)})
        case Settled():
            return replace(feed, in_step={})
        case Passed(step=step):
            entered = feed.spans[step].entered if step in feed.spans else at
            return replace(feed, spans={**feed.spans, step: Span(entered=entered, passed=at)})
        case _:
            assert_never(event)


def _looked(feed: Feed, event: Looked) -> Feed:
    look, steps = event.look, feed.news.steps
    mirrored = event.step < len(steps) and bool(steps[event.step].challengers)
    return replace(
        feed,
        looks=(*feed.looks, look)[-KEPT_LOOKS:],
        totals=_plus(feed.totals, look),
        verdicts={**feed.verdicts, **{verdict.name: verdict for verdict in event.verdicts}},
        in_step=feed.in_step if look.settling else _plus(feed.in_step, look),
        copied=_summed(feed.copied, look) if mirrored else feed.copied,
        answers=_heard(feed.answers, look),
        judged=event.verdicts if mirrored else feed.judged,
    )


def _summed(sums: Mapping[str, Tally], look: Look) -> Mapping[str, Tally]:
    tallies = (look.tallies or {}).items()
    return {**sums, **{model: together([sums[model], tally] if model in sums else [tally]) for model, tally in tallies}}


def _heard(answers: Mapping[str, Answered], look: Look) -> Mapping[str, Answered]:
    new = {model: answers.get(model, Answered()).after(said.total) for model, said in look.answers.items()}
    return {**answers, **new}


def _plus(totals: Mapping[str, int], look: Look) -> Mapping[str, int]:
    added = dict(totals)
    for model, tally in (look.tallies or {}).items():
        added[model] = added.get(model, 0) + tally.requests
    return added
