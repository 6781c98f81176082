"""Each gate for each challenger: as a grid where there is little room, else in groups with the evidence."""

from __future__ import annotations

from rich.text import Text

from mlship.plan.verdict import Outcome, Verdict
from mlship.views import words
from mlship.views.contest import about, contested, names
from mlship.views.panels.gates import OUTCOME_STYLE, drawn, portion
from mlship.views.panels.models import headed
from mlship.views.paper import Paper
from mlship.views.scene import Scene

_LEAST_CELL = 8
_BAR = 5
_ALL = 4
"""Most lines that a gate has to say."""


def rivals(scene: Scene, paper: Paper, lines_each: int) -> list[Text]:
    """A title, then one line per challenger; from `lines_each` 1 on a line per challenger and so many per gate.

    The height depends on the plan alone. A challenger that is out says why, and is dimmed.
    """
    return _groups(scene, paper, lines_each) if lines_each else _grid(scene, paper)


def standing(scene: Scene, paper: Paper, challenger: str) -> Text:
    """One line: how far the challenger has come, and the first gate that it has not passed."""
    gone = scene.gone(challenger)
    said = about(scene.said, challenger).values()
    holds = next((verdict for verdict in said if verdict.outcome is not Outcome.PASS), None)
    first = gone or holds
    sign = paper.glyphs.outcome(first.outcome if first else Outcome.PASS if said else None)
    why = f": {first.gate}: {first.reason}" if first else ""
    told = "out" if gone else _passed(scene, challenger)
    return paper.line(f" {sign} {challenger} {told}{why}")


def height(scene: Scene, lines_each: int) -> int:
    """Lines of the panel."""
    gates = len(judged(scene))
    return 1 + len(scene.undecided) * (1 + gates * lines_each)


def judged(scene: Scene) -> tuple[str, ...]:
    """Gates and guards that judge the challengers."""
    compiled = scene.rollout.compiled
    return names(compiled.steps[contested(compiled)])


def verdict_of(scene: Scene, gate: str, challenger: str) -> Verdict | None:
    """What the gate said last of the challenger, or of all of them."""
    now = about(scene.said, challenger).get(gate)
    return now or scene.feed.verdicts.get(f"{gate} ({challenger})")


def trouble(scene: Scene) -> str:
    """What no gate of the plan says and yet holds everybody up; empty: nothing."""
    known = judged(scene)
    found = (v for v in scene.rollout.verdicts if v.gate not in known and not v.challenger)
    return next((f"{verdict.gate} {verdict.outcome}: {verdict.reason}" for verdict in found), "")


def _grid(scene: Scene, paper: Paper) -> list[Text]:
    gates = judged(scene)
    name = max(8, min(14, max(len(challenger) for challenger in scene.undecided) + 2))
    width = max(_LEAST_CELL, (paper.width - 1 - name) // max(1, len(gates)))
    shown = gates[: (paper.width - 1 - name) // width]
    heads = [paper.cell(gate, width - 1, "dim") for gate in shown]
    top = headed(paper, "gates", "", name, ())
    lines = [paper.line(top, *(part for head in heads for part in (head, " ")))]
    if said := trouble(scene):
        lines = [_troubled(paper, said)]
    for challenger in scene.undecided:
        lines.append(_line(scene, paper, challenger, shown, (name, width)))
    return lines


def _troubled(paper: Paper, said: str) -> Text:
    return paper.line(headed(paper, "gates", "", 8, ()), " ", paper.say(said, "yellow"))


def _line(scene: Scene, paper: Paper, challenger: str, gates: tuple[str, ...], sizes: tuple[int, int]) -> Text:
    name, width = sizes
    gone = scene.gone(challenger)
    if gone is not None:
        return _gone(paper, challenger, name, gone)
    cells = [_cell(paper, verdict_of(scene, gate, challenger), width - 1) for gate in gates]
    return paper.line(" ", paper.cell(challenger, name, "bold cyan"), *(part for cell in cells for part in (cell, " ")))


def _gone(paper: Paper, challenger: str, name: int, why: Verdict) -> Text:
    sign = paper.say(f"{paper.glyphs.outcome(why.outcome)} out ", "red")
    return paper.line(" ", paper.cell(challenger, name, "dim"), sign, paper.say(f"{why.gate}: {why.reason}", "dim"))


def _cell(paper: Paper, verdict: Verdict | None, width: int) -> Text:
    """The sign, and how far the proof has come where one is under way."""
    if verdict is None:
        return paper.cell(f"{paper.glyphs.todo} not yet", width, "dim")
    sign = paper.say(f"{paper.glyphs.outcome(verdict.outcome)} ", OUTCOME_STYLE[verdict.outcome])
    evidence = verdict.evidence
    proof = evidence and evidence.proof is not None and evidence.proof_limit
    if verdict.outcome is not Outcome.WAIT or not proof or not evidence or evidence.proof is None:
        told = str(verdict.outcome) if verdict.outcome is not Outcome.WAIT else verdict.reason or "wait"
        return paper.line(sign, paper.cell(told, width - 2, OUTCOME_STYLE[verdict.outcome]))
    figure = f"{words.number(evidence.proof)}/{words.number(proof)}"
    if width < 3 + _BAR + len(figure):
        return paper.line(sign, paper.cell(figure, width - 2))
    bar = paper.bar(portion(evidence.proof, proof), _BAR, "green")
    return paper.line(sign, bar, paper.cell(f" {figure}", width - 2 - _BAR))


def _groups(scene: Scene, paper: Paper, lines_each: int) -> list[Text]:
    said = trouble(scene)
    lines = [_troubled(paper, said) if said else paper.rule("gates", "each challenger by itself")]
    for challenger in scene.undecided:
        lines += group(scene, paper, challenger, lines_each)
    return lines


def group(scene: Scene, paper: Paper, challenger: str, lines_each: int | None = None) -> list[Text]:
    """A line for the challenger, then `lines_each` per gate; None: as many as there is to say."""
    gone = scene.gone(challenger)
    lines = [_head(scene, paper, challenger, gone)]
    for gate in judged(scene):
        verdict = verdict_of(scene, gate, challenger)
        found = drawn(scene, paper, gate, verdict, (challenger, lines_each or _ALL), current=gone is None)
        lines += [*found, *[Text()] * ((lines_each or 0) - len(found))]
    return lines


def _head(scene: Scene, paper: Paper, challenger: str, gone: Verdict | None) -> Text:
    if gone is not None:
        return _gone(paper, challenger, len(challenger) + 1, gone)
    told = f"  {_passed(scene, challenger)}" if scene.undecided else f"  {_fate(scene, challenger)}"
    return paper.line(" ", paper.say(challenger, "bold cyan"), paper.say(told, "dim"))


def _passed(scene: Scene, challenger: str) -> str:
    verdicts = [verdict_of(scene, gate, challenger) for gate in judged(scene)]
    passed = sum(verdict is not None and verdict.outcome is Outcome.PASS for verdict in verdicts)
    return f"{passed} of {words.plural(len(verdicts), 'gate')} pass"


def _fate(scene: Scene, challenger: str) -> str:
    """What became of one that was not out when the choice was made."""
    if challenger == scene.rollout.compiled.candidate:
        return f"goes on: {scene.feed.chosen}"
    return f"not chosen: {_passed(scene, challenger)}"
