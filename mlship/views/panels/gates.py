"""Each gate: its verdict, and the evidence that made it so."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

from rich.text import Text

from mlship.plan.verdict import Evidence, Outcome, Verdict
from mlship.views import words
from mlship.views.paper import Paper
from mlship.views.scene import Scene

OUTCOME_STYLE = {Outcome.PASS: "green", Outcome.WAIT: "cyan", Outcome.BLIND: "yellow", Outcome.FAIL: "bold red"}
_SHARES = ("agreement", "accuracy", "coverage", "paired")
_GAIN = "gain in "
_INDENT = 10
_STACKED = 3
"""Columns before the lines of a gate whose name and bars do not fit on one line."""


def gates(scene: Scene, paper: Paper, lines_each: int) -> list[Text]:
    """A title, then `lines_each` lines (1 to 4) per gate; one that the step does not judge is dimmed."""
    now = {verdict.name: verdict for verdict in scene.rollout.verdicts}
    lines = [paper.rule("gates", _note(scene))]
    for gate in scene.gates:
        candidate, heard = scene.rollout.compiled.candidate or "candidate", scene.feed.verdicts
        verdict = now.get(gate) or heard.get(gate) or heard.get(f"{gate} ({candidate})")
        found = drawn(scene, paper, gate, verdict, (candidate, lines_each), current=gate in now)
        lines += [*found, *[Text()] * (lines_each - len(found))]
    return lines


def drawn(
    scene: Scene, paper: Paper, gate: str, verdict: Verdict | None, of: tuple[str, int], *, current: bool
) -> list[Text]:
    """One gate's verdict on a model in at most so many lines; one that does not count now is dimmed."""
    model, lines_each = of
    return _gate(scene, paper, verdict, model, _head(paper, gate, verdict, current=current))[:lines_each]


def _note(scene: Scene) -> str:
    step = scene.rollout.current
    if step is None or not scene.working:
        return ""
    if step.metric:
        return "each must be proven" if step.proof else ""
    return "must prove: not worse by the margin" if step.proof else "must show no harm" if step.gates else ""


def _gate(scene: Scene, paper: Paper, verdict: Verdict | None, model: str, head: Text) -> list[Text]:
    if verdict is None:
        return [paper.spread(head, paper.say("not heard yet ", "dim"))]
    bars, numbers, reason = _bars(paper, verdict), _numbers(scene, verdict.evidence, model), verdict.reason
    if bars.cell_len and head.cell_len + bars.cell_len < paper.width:
        # Where a person has to act, the reason comes before the numbers.
        urgent = verdict.outcome in {Outcome.FAIL, Outcome.BLIND}
        texts = [reason, "; ".join(numbers)] if urgent else ["; ".join(numbers), reason]
        return [paper.spread(head, bars), *(_below(paper, text, _INDENT) for text in texts if text)]
    top = paper.line(head, "  ", paper.say(reason, "dim"))
    drawn = [paper.line(" " * _STACKED, bars)] if bars.cell_len else []
    return [top, *drawn, *(_below(paper, text, _STACKED) for text in numbers)]


def _head(paper: Paper, gate: str, verdict: Verdict | None, *, current: bool) -> Text:
    outcome = verdict.outcome if verdict else None
    style = OUTCOME_STYLE[outcome] if outcome and current else "dim"
    word = paper.cell(f"{paper.glyphs.outcome(outcome)} {outcome or ''}", _INDENT - 2, style)
    return paper.line(" ", word, " ", paper.say(gate, "bold" if current else "dim"))


def _below(paper: Paper, text: str, indent: int) -> Text:
    return paper.line(" " * indent, paper.say(text, "dim"))


def _bars(paper: Paper, verdict: Verdict) -> Text:
    evidence = verdict.evidence
    if evidence is None:
        return Text()
    width = 6 if paper.width < 100 else 10
    harm = _meter(paper, "harm", (evidence.e_value, evidence.limit), width, harmful=True)
    proof = _meter(paper, "proof", (evidence.proof, evidence.proof_limit), width, harmful=False)
    if not harm.cell_len and not proof.cell_len:
        return harm
    # A missing meter leaves its room empty, so that the others stand in one column over all gates.
    room = width + 18
    return paper.line(*(paper.line(meter, " " * (room - meter.cell_len)) for meter in (harm, proof)))


def _meter(paper: Paper, name: str, of: tuple[float | None, float | None], width: int, *, harmful: bool) -> Text:
    value, limit = of
    if value is None or limit is None:
        return Text()
    filled = portion(value, limit)
    style = ("red" if filled > 0.8 else "yellow" if filled > 0.4 else "green") if harmful else "green"
    figure = f"{words.number(value)}/{words.number(limit)}"
    return paper.line(paper.say(f"{name} ", "dim"), paper.bar(filled, width, style), " ", paper.cell(figure, 10))


def portion(value: float, limit: float) -> float:
    """How far evidence has come to its limit, 0..1, on a log scale: e-values multiply, so their logarithms add up."""
    if value <= 1 or math.isnan(value):
        return 0.0
    if value >= limit or limit <= 1:
        return 1.0
    return math.log(value) / math.log(limit)


def _numbers(scene: Scene, evidence: Evidence | None, model: str) -> list[str]:
    """The estimate, and the counts behind it."""
    if evidence is None:
        return []
    counts = [_count(model, evidence.candidate), _count(scene.rollout.compiled.live, evidence.live)]
    parts = [_estimate(evidence, scene.rates), ", ".join(count for count in counts if count)]
    return [part for part in parts if part]


def _count(model: str, counted: tuple[int, int] | None) -> str:
    return f"{model} {words.compact(counted[0])}/{words.compact(counted[1])}" if counted else ""


def _estimate(evidence: Evidence, rates: Collection[str]) -> str:
    shown, unit = _unit(evidence.measure, rates)
    if evidence.interval is None:
        return "" if evidence.estimate is None else f"{evidence.measure} {shown(evidence.estimate)}"
    low, high = evidence.interval
    interval = f"{shown(low).removesuffix(unit)} to {shown(high)}"
    if evidence.estimate is not None:
        return f"{evidence.measure} {shown(evidence.estimate)} ({interval})"
    if low <= 0 and math.isinf(high):
        return ""
    # A ratio to a model without a single bad answer has no estimate, and yet a least value.
    return f"{evidence.measure} {f'at least {shown(low)}' if math.isinf(high) else interval}"


def _unit(measure: str, rates: Collection[str]) -> tuple[Callable[[float | None], str], str]:
    """How a measure is said, and the unit that a range names once."""
    if measure.startswith(_GAIN):
        gained = measure.removeprefix(_GAIN).partition(",")[0]
        return (words.points, " points") if gained.startswith("accuracy") or gained in rates else (words.number, "")
    if "rate" in measure or measure.startswith(("requests", *_SHARES)):
        return words.percent, " %"
    return words.number, ""
