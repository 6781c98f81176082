"""What many simulated rollouts came to: how they ended, what it cost, where it was decided, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from mlship.journal.status import Status
from mlship.journal.summary import Bin, Chance, Decision, Effect, Range, Summary
from mlship.views import words
from mlship.views.paper import Paper
from mlship.views.table import table

_STYLES = {Status.PROMOTED: "green", Status.ROLLED_BACK: "yellow", Status.ROLLBACK_INCOMPLETE: "red"}
_MOST_PLACES = 8
"""Places of decision that are shown; the rest is counted together."""
_WIDEST = 80
"""Most columns of the plot."""
_LABEL = 9
"""Columns of a time beside the plot."""
_COUNT = 7
"""Columns of a number behind a bar."""


def simulation(summary: Summary, paper: Paper) -> RenderableType:
    """The page of one simulation; it fits 80 columns."""
    return Group(
        *_headline(summary, paper),
        Text(),
        _endings(summary, paper),
        Text(),
        *_errors(summary, paper),
        Text(),
        _figures(summary, paper),
        Text(),
        *_decisions(summary, paper),
        *_effects(summary, paper),
        Text(),
        *_plot(summary, paper),
        *_unseen(summary, paper),
    )


def _headline(summary: Summary, paper: Paper) -> Iterator[Text]:
    done = words.plural(summary.runs, "rollout")
    of = f" of {words.count(summary.asked)}, interrupted" if summary.runs < summary.asked else ""
    names = words.listed(summary.candidates, "or")
    moving = f"{summary.live} {paper.glyphs.arrow} {names}"
    yield paper.line(paper.say(summary.service, "bold"), f"  {moving}  {done}{of}, seed {summary.seed}")
    yield _sentence(paper, f"In this world {_worth(summary)}.")


def _worth(summary: Summary) -> str:
    several, names = len(summary.candidates) > 1, words.listed(summary.candidates)
    if summary.harmless:
        return f"{'one of ' if several else ''}{names} is harmless: no gate has a reason against it"
    return f"{'each of ' if several else ''}{names} is worse than the gates tolerate"


def _endings(summary: Summary, paper: Paper) -> RenderableType:
    rows = [
        (
            f"{paper.glyphs.status(ending.status)} {ending.status}",
            words.count(ending.chance.count),
            words.percent(ending.chance.share),
            _interval(ending.chance),
            words.duration(ending.seconds.median) if ending.seconds else "",
            words.count(round(ending.tried.median)) if ending.tried else "",
            words.number(ending.bad.median) if ending.bad else "",
        )
        for ending in summary.endings
    ]
    heads = ("", "rollouts", "share", "95 % interval", "after", "tried", "bad")
    return table(paper, heads, rows, frozenset(heads[1:]), frozenset(heads))


def _errors(summary: Summary, paper: Paper) -> Iterator[Text]:
    if summary.false_alarms is not None:
        told = f"{words.percent(summary.false_alarms.share)} ({_interval(summary.false_alarms)})"
        yield _sentence(paper, f"False alarms, a gate failed without reason: {told}")
    told = f"{words.percent(summary.false_promotions.share)} ({_interval(summary.false_promotions)})"
    yield _sentence(paper, f"False promotions, of a model that does not deserve it: {told}")


def _figures(summary: Summary, paper: Paper) -> RenderableType:
    rows = [
        _figure("time to the decision", summary.seconds, words.duration),
        _figure("requests meanwhile", summary.requests, _count),
        _figure("tried: answered by a candidate", summary.tried, _count),
        _figure("bad: errors beyond what live would make", summary.bad, words.number),
    ]
    if summary.turned_away.p90:
        rows.append(_figure("turned away while closed", summary.turned_away, _count))
    if summary.regret is not None:
        rows.append(_figure("regret, in units of the goal", summary.regret, words.number))
    rows += [_figure(f"traffic of {arm} at the end", share, words.percent) for arm, share in summary.weights.items()]
    heads = ("per rollout", "p10", "median", "p90")
    return table(paper, heads, rows, frozenset(heads[1:]), frozenset(heads[1:]))


def _count(value: float) -> str:
    return words.count(round(value))


def _figure(name: str, spread: Range, form: Callable[[float], str]) -> tuple[str, ...]:
    return name, form(spread.p10), form(spread.median), form(spread.p90)


def _decisions(summary: Summary, paper: Paper) -> Iterator[RenderableType]:
    shown, rest = summary.decisions[:_MOST_PLACES], summary.decisions[_MOST_PLACES:]
    rows = [_decision(each, summary.runs) for each in shown]
    if rest:
        others = sum(each.count for each in rest)
        rows.append((f"{len(rest)} other places", "", "", words.percent(others / summary.runs)))
    yield table(paper, ("ended", "in", "by", "share"), rows, frozenset({"share"}), frozenset({"share", "ended"}))


def _decision(decision: Decision, runs: int) -> tuple[str, ...]:
    place = f"{decision.stage}: {decision.step}"
    return str(decision.status), place, decision.by, words.percent(decision.count / runs)


def _effects(summary: Summary, paper: Paper) -> Iterator[Text]:
    for goal, effect in summary.effects.items():
        yield Text()
        yield _sentence(paper, f"{goal}: {_effect(effect)}")


def _effect(effect: Effect) -> str:
    said = ", ".join(
        words.number(value) for value in (effect.estimate.p10, effect.estimate.median, effect.estimate.p90)
    )
    covered = f"; the interval held it in {words.percent(effect.covered.share)}" if effect.covered else ""
    return f"{effect.measure} p10, median, p90: {said}; in truth {words.number(effect.truth)}{covered}"


def _plot(summary: Summary, paper: Paper) -> Iterator[Text]:
    """A histogram of the time to the decision: a row for each span of time, a column of bars for each ending."""
    there = [ending.status for ending in summary.endings if ending.chance.count]
    room = (min(paper.width, _WIDEST) - _LABEL) // len(there)
    most = max(count for each in summary.bins for count in each.counts.values())
    heads = [paper.cell(f" {status}", room, "dim") for status in there]
    yield paper.line(paper.cell("until", _LABEL, "dim", right=True), *heads)
    for each in summary.bins:
        bars = [_bar(each, status, room, most, paper) for status in there]
        yield paper.line(paper.cell(words.duration(each.end), _LABEL, right=True), *bars)


def _bar(each: Bin, status: Status, room: int, most: int, paper: Paper) -> Text:
    count, width = each.counts.get(status, 0), room - _COUNT - 1
    parts = len(paper.glyphs.eighths)
    whole, rest = divmod(round(count / most * width * parts), parts)
    drawn = paper.glyphs.full * whole + (paper.glyphs.eighths[rest] if rest else "")
    told = f" {words.count(count)}" if count else ""
    return paper.line(" ", paper.cell(drawn + told, room - 1, _STYLES.get(status, "")))


def _unseen(summary: Summary, paper: Paper) -> Iterator[Text]:
    if summary.unseen:
        yield Text()
        left_out = words.listed(summary.unseen)
        yield _sentence(paper, f"Left out, because a made-up world has no numbers for them: {left_out}.")


def _interval(chance: Chance) -> str:
    return f"{words.percent(chance.low)} to {words.percent(chance.high)}"


def _sentence(paper: Paper, text: str) -> Text:
    return Text(paper.glyphs.fit(text))
