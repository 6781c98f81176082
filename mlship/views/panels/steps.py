"""The plan's steps with the one at work."""

from __future__ import annotations

from rich.text import Text

from mlship.journal.status import Status
from mlship.plan.step import Step
from mlship.views import words
from mlship.views.paper import Paper
from mlship.views.scene import Scene
from mlship.views.sentence import title
from mlship.views.times import left

_BAR = 12


def steps(scene: Scene, paper: Paper, rows: int) -> list[Text]:
    """A title, then `rows` lines; where the steps do not fit, those near the one at work."""
    plan = scene.rollout.compiled.steps
    first, last = window(len(plan), min(scene.rollout.step, max(len(plan) - 1, 0)), rows)
    lines = [_step(scene, paper, index) for index in range(first, last)]
    if first > 0 and len(lines) > 1:
        lines[0] = _folded(paper, f"{words.plural(first + 1, 'step')} passed", paper.glyphs.done, "green")
    if last < len(plan) and len(lines) > 1:
        lines[-1] = _folded(
            paper, f"{len(plan) - last + 1} more, the last: {title(plan[-1])}", paper.glyphs.todo, "dim"
        )
    return [_title(scene, paper), *lines]


def window(total: int, at: int, rows: int) -> tuple[int, int]:
    """The steps to show, so that `at` stands in the middle and the number of lines never changes."""
    first = max(0, min(at - rows // 2, total - rows))
    return first, min(total, first + rows)


def _title(scene: Scene, paper: Paper) -> Text:
    total = len(scene.rollout.compiled.steps)
    place = f"{min(scene.rollout.step + 1, total)} of {total}"
    if scene.rollout.status is not Status.RUNNING:
        return paper.rule("steps", place)
    least, most = left(scene.rollout, scene.now)
    return paper.rule("steps", f"{place}, at least {words.ticking(least)}, at most {words.ticking(most)} left")


def _folded(paper: Paper, text: str, sign: str, style: str) -> Text:
    return paper.line(" ", paper.say(sign, style), " ", paper.say(text, "dim"))


def _step(scene: Scene, paper: Paper, index: int) -> Text:
    step, sign, style = scene.rollout.compiled.steps[index], *_sign(scene, paper, index)
    name = max(16, min(28, paper.width // 3))
    at_work = index == scene.rollout.step and not scene.rollout.passed and scene.working
    return paper.line(
        " ",
        paper.cell(sign, 2, style),
        paper.cell(title(step), name, "bold" if at_work else "" if index < scene.rollout.step else "dim"),
        "  ",
        _course(scene, paper, index) if at_work else _past_or_future(scene, paper, index),
    )


def _sign(scene: Scene, paper: Paper, index: int) -> tuple[str, str]:
    rollout, glyphs = scene.rollout, paper.glyphs
    if index < rollout.step or (index == rollout.step and (rollout.passed or rollout.status is Status.PROMOTED)):
        return glyphs.done, "green"
    if index > rollout.step:
        return glyphs.todo, "dim"
    styles = {Status.RUNNING: "cyan", Status.PARKED: "yellow"}
    signs = {Status.RUNNING: glyphs.now, Status.PARKED: glyphs.paused, Status.BROUGHT_UP: glyphs.done}
    return signs.get(rollout.status, glyphs.bad), styles.get(rollout.status, "red")


def _past_or_future(scene: Scene, paper: Paper, index: int) -> Text:
    span = scene.feed.spans.get(index)
    if span is not None and span.passed is not None:
        return paper.say(f"passed in {words.duration(span.passed - span.entered)}", "dim")
    if span is not None:
        return paper.say("not passed", "dim")
    return paper.say(_expects(scene.rollout.compiled.steps[index]), "dim")


def _expects(step: Step) -> str:
    parts = [f"hold {words.duration(step.hold)}"] if step.hold else []
    parts += [words.plural(step.requests, "request")] if step.requests else []
    parts += [words.plural(len(step.gates), "gate")] if step.gates else []
    return ", ".join(parts)


def _course(scene: Scene, paper: Paper, index: int) -> Text:
    rollout, step = scene.rollout, scene.rollout.compiled.steps[index]
    if rollout.began_at is None:
        return paper.say("under way", "cyan")
    held = max(0.0, scene.now - rollout.began_at)
    if step.hold <= 0:
        return paper.say(f"for {words.ticking(held)}", "cyan")
    bar = paper.bar(held / step.hold, _BAR, "cyan")
    return paper.line(bar, f" {words.ticking(min(held, step.hold))} of {words.duration(step.hold)}")
