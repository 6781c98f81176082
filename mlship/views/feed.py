"""What the dashboard shows and the fold of the journal forgets: the last looks, step times, what was said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

import msgspec
from msgspec.structs import replace

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
from mlship.views.trial import Trial

KEPT_LOOKS = 40
KEPT_SENTENCES = 20


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """When a step began, and when it was passed."""

    entered: float
    passed: float | None = None


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """Grows by one event at a time; a new rollout starts it afresh."""

    address: str = ""
    """Where users send their requests."""
    manual: frozenset[str] = frozenset()
    """Gates that somebody has to sign."""
    looks: tuple[Look, ...] = ()
    """The last `KEPT_LOOKS` looks, without the one at the history."""
    totals: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Requests per model since the rollout began."""
    in_step: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Requests per model since the routing of the step at work was in place."""
    in_stage: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Requests per model since the step at work began, whatever its weights have done."""
    verdicts: Mapping[str, Verdict] = msgspec.field(default_factory=dict)
    """What each gate said last, in whatever step."""
    spans: Mapping[int, Span] = msgspec.field(default_factory=dict)
    copied: Mapping[str, Tally] = msgspec.field(default_factory=dict)
    """What live and the challengers came to over the looks under copies."""
    answers: Mapping[str, Answered] = msgspec.field(default_factory=dict)
    """Per challenger, since the rollout began."""
    judged: tuple[Verdict, ...] = ()
    """What was said last in the step that the challengers are judged in."""
    trials: Mapping[int, Trial] = msgspec.field(default_factory=dict)
    """Step in which outcomes decide → what they came to; absent where it was not followed from its beginning."""
    chosen: str = ""
    """Why the challenger that goes on does."""
    rolling_to: str | None = None
    """The model that a rollback brings back."""
    told: tuple[tuple[float, str], ...] = ()
    """When and what, oldest first."""
    news: News = msgspec.field(default_factory=lambda: News(every=None, numbers=False))

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
            return Feed(address=feed.address, manual=feed.manual)
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
            return _entered(feed, step, at)
        case Settled():
            # Weights that move do not begin the step anew; rules that somebody changes do.
            return replace(feed, in_step={}, in_stage=feed.in_stage if feed.news.moving else {})
        case Passed(step=step):
            entered = feed.spans[step].entered if step in feed.spans else at
            return replace(feed, spans={**feed.spans, step: Span(entered=entered, passed=at)})
        case _:
            assert_never(event)


def _entered(feed: Feed, step: int, at: float) -> Feed:
    spans, steps = {**feed.spans, step: Span(entered=at)}, feed.news.steps
    decides = step < len(steps) and steps[step].metric is not None
    trials = {**feed.trials, step: Trial()} if decides else feed.trials
    return replace(feed, in_step={}, in_stage={}, spans=spans, trials=trials)


def _looked(feed: Feed, event: Looked) -> Feed:
    look, steps = event.look, feed.news.steps
    step = steps[event.step] if event.step < len(steps) else None
    mirrored, several = (bool(step.routing.mirrors), len(step.challengers) > 1) if step else (False, False)
    trial = feed.trials.get(event.step)
    return replace(
        feed,
        looks=(*feed.looks, look)[-KEPT_LOOKS:],
        totals=_plus(feed.totals, look),
        verdicts={**feed.verdicts, **{verdict.name: verdict for verdict in event.verdicts}},
        in_step=feed.in_step if look.settling else _plus(feed.in_step, look),
        in_stage=_plus(feed.in_stage, look),
        copied=_summed(feed.copied, look) if mirrored else feed.copied,
        answers=_heard(feed.answers, look),
        judged=event.verdicts if several else feed.judged,
        trials={**feed.trials, event.step: trial.after(look, event.verdicts)} if trial else feed.trials,
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
