"""Who is shown, where it stands, and the way back."""

from __future__ import annotations

from typing import Literal, assert_never

from rich.text import Text

from mlship.journal.status import Status
from mlship.plan.step import AtDeadline, Step
from mlship.plan.verdict import Outcome, Verdict
from mlship.views import words
from mlship.views.contest import about, chosen, contenders, out
from mlship.views.paper import Paper
from mlship.views.scene import Scene
from mlship.views.sentence import act
from mlship.views.times import longest

STATUS_STYLE = {
    Status.RUNNING: "bold cyan",
    Status.PARKED: "bold yellow",
    Status.ROLLING_BACK: "bold yellow",
    Status.ROLLED_BACK: "bold red",
    Status.PROMOTED: "bold green",
    Status.BROUGHT_UP: "bold green",
    Status.ROLLBACK_INCOMPLETE: "bold white on red",
    Status.TORN_DOWN: "bold",
}
_LATE = {AtDeadline.ROLLBACK: "rolls back", AtDeadline.PARK: "parks"}
_Ended = Literal[Status.ROLLED_BACK, Status.PROMOTED, Status.BROUGHT_UP, Status.TORN_DOWN, Status.ROLLBACK_INCOMPLETE]


def header(scene: Scene, paper: Paper) -> list[Text]:
    """Two lines: service, models and status; rollout, person and address."""
    return [_headline(scene, paper), _byline(scene, paper)]


def _headline(scene: Scene, paper: Paper) -> Text:
    compiled, status = scene.rollout.compiled, scene.rollout.status
    moving = (
        f"{compiled.live} {paper.glyphs.arrow} {contenders(scene.rollout)}" if compiled.candidate else compiled.live
    )
    left = paper.line(" ", paper.say(scene.service.service, "bold"), "  ", paper.say(moving), chosen(scene.rollout))
    sign = paper.say(*stands(status, paper, unattended=scene.unattended))
    return paper.spread(left, paper.line(sign, f"  {_took(scene)} "))


def stands(status: Status, paper: Paper, *, unattended: bool) -> tuple[str, str]:
    """Where a rollout stands, in a word with its sign, and the style of both."""
    if unattended:
        return f"{paper.glyphs.paused} unattended", "bold yellow"
    return f"{paper.glyphs.status(status)} {status}", STATUS_STYLE[status]


def _took(scene: Scene) -> str:
    return words.ticking(scene.elapsed) if scene.rollout.ended_at is None else words.duration(scene.elapsed)


def _byline(scene: Scene, paper: Paper) -> Text:
    rollout = scene.rollout
    left = f" rollout {rollout.rollout}, started {words.local_time(rollout.started_at)} by {rollout.by}"
    address = scene.feed.address
    place = f"http://{address} " if address and "://" not in address else f"{address} " if address else ""
    return paper.spread(paper.say(left, "dim"), paper.say(place, "dim"))


def moment(scene: Scene, paper: Paper) -> Text:
    """One line: what is under way or waited for."""
    _, style = stands(scene.rollout.status, paper, unattended=scene.unattended)
    return paper.line(" ", paper.say(_moment(scene, paper), "bold" if scene.working else style))


def _moment(scene: Scene, paper: Paper) -> str:
    rollout, service = scene.rollout, scene.service.service
    if scene.unattended:
        return _around(paper, "nobody is at work, ", _left_at(scene), f"; goes on with: mlship resume {service}")
    match rollout.status:
        case Status.RUNNING:
            return _waiting(scene, paper)
        case Status.PARKED:
            return _around(paper, "parked: ", rollout.reason or "paused", f"; goes on with: mlship resume {service}")
        case Status.ROLLING_BACK:
            return f"rolling back to {scene.feed.rolling_to or rollout.compiled.live}: {rollout.reason}"
        case _:
            return _ended(scene, rollout.status, paper)


def _around(paper: Paper, before: str, reason: str, after: str) -> str:
    """A reason between words that must not be cut off for it."""
    room = paper.width - len(before) - len(after) - 1
    return f"{before}{paper.clip(paper.say(reason), max(1, room)).plain}{after}"


def _left_at(scene: Scene) -> str:
    """Where the run stopped that nobody goes on with; nothing counts down meanwhile."""
    rollout = scene.rollout
    if rollout.pending is not None:
        return f"cut short in {act(rollout.pending)}"
    waits = _missing(scene, float("inf")) if rollout.current is not None and rollout.began_at is not None else []
    return f"left waiting for {', '.join(waits)}" if waits and not rollout.passed else "left where it stands"


def _ended(scene: Scene, status: _Ended, paper: Paper) -> str:
    rollout, service = scene.rollout, scene.service.service
    if scene.service.down or status is Status.TORN_DOWN:
        return "everything was stopped by mlship down"
    match status:
        case Status.ROLLED_BACK:
            return f"{scene.service.live} serves everything: {rollout.reason}"
        case Status.PROMOTED | Status.BROUGHT_UP:
            return f"{scene.service.live} is live"
        case Status.ROLLBACK_INCOMPLETE:
            return _around(paper, "a human is needed: ", rollout.reason, f"; again with: mlship rollback {service}")
        case _:
            assert_never(status)


def _waiting(scene: Scene, paper: Paper) -> str:
    rollout, step = scene.rollout, scene.rollout.current
    if rollout.pending is not None:
        return f"{act(rollout.pending)} ..."
    if step is None or rollout.passed or rollout.began_at is None:
        return "on to the next step"
    if rollout.paused:
        return f"paused; goes on with: mlship resume {scene.service.service}"
    # Verdicts on a challenger are of the shadow, however long they stand in the state.
    judged = {"", *step.challengers}
    failed = [v.name for v in rollout.verdicts if v.outcome is Outcome.FAIL and v.challenger in judged]
    if failed and not _left(scene):
        return f"fails: {', '.join(failed)}"
    held = scene.now - rollout.began_at
    waits = _missing(scene, held)
    last = f"; {_late(scene, step)} in {words.ticking(longest(step) - held)}" if longest(step) > step.hold else ""
    return _around(paper, "waits for ", ", ".join(waits), last) if waits else "decides"


def _late(scene: Scene, step: Step) -> str:
    """What the run decides at the deadline if nothing changes until then."""
    spoken = _spoken(scene)
    open_ = {verdict.gate for verdict in spoken if verdict.outcome is not Outcome.PASS}
    silent = set(step.gates) - {verdict.gate for verdict in spoken}
    waiting = [gate for gate in step.gates if gate in open_ | silent]
    return _LATE[step.late(waiting, frozenset() if scene.rollout.signed else scene.feed.manual)]


def _spoken(scene: Scene) -> tuple[Verdict, ...]:
    """The verdicts, as far as they are of the step at work."""
    rollout = scene.rollout
    return rollout.verdicts if rollout.last is not None and rollout.last.step == rollout.step else ()


def _left(scene: Scene) -> tuple[str, ...]:
    """Of several challengers those that may still go on."""
    verdicts, step = scene.rollout.verdicts, scene.rollout.current
    several = step.challengers if step is not None and len(step.challengers) > 1 else ()
    lost = [challenger for challenger in several if step is not None and step.has_lost(challenger)]
    return tuple(name for name in several if name not in lost and out(verdicts, name) is None)


def _missing_of_many(scene: Scene) -> list[str]:
    """How much the challengers still lack, "2 gates of v2 and v3"; answers count once the gates have passed."""
    rollout, step = scene.rollout, scene.rollout.current
    assert step is not None
    lacking: dict[str, list[str]] = {}
    for challenger in _left(scene):
        said = about(rollout.verdicts, challenger)
        open_ = [gate for gate in step.gates if gate not in said or said[gate].outcome is not Outcome.PASS]
        short = step.requests - scene.feed.in_stage.get(challenger, 0)
        if open_:
            lacking.setdefault(words.plural(len(open_), "gate"), []).append(challenger)
        elif short > 0 and rollout.step in scene.feed.spans:
            noun = "answer" if step.routing.mirrors else "request"
            lacking.setdefault(words.plural(short, noun), []).append(challenger)
    return [f"{what} of {words.listed(challengers)}" for what, challengers in lacking.items()]


def _missing(scene: Scene, held: float) -> list[str]:
    rollout, step = scene.rollout, scene.rollout.current
    assert step is not None
    missing = [f"{words.ticking(step.hold - held)} of hold"] if step.hold - held >= 1 else []
    if _left(scene):
        return missing + _missing_of_many(scene)
    answered = scene.feed.in_stage.get(rollout.compiled.candidate or "", 0)
    # A feed that did not follow the rollout from its first event cannot know what is missing.
    known = rollout.step in scene.feed.spans
    noun = "answer" if step.routing.mirrors else "request"
    missing += [words.plural(step.requests - answered, noun)] if known and answered < step.requests else []
    passed = {verdict.gate for verdict in _spoken(scene) if verdict.outcome is Outcome.PASS}
    return missing + [gate for gate in step.gates if gate not in passed]


def way_back(scene: Scene, paper: Paper) -> Text:
    """One line: the command that undoes all this."""
    service = scene.service
    over = scene.rollout.status in {Status.PROMOTED, Status.BROUGHT_UP}
    target = service.previous if over else scene.rollout.compiled.live
    if scene.rollout.status is Status.ROLLED_BACK:
        return paper.line(" ", paper.say(f"look closer: mlship show {service.service}", "dim"))
    if target is None:
        return paper.line(" ", paper.say("way back: none, this is the first model of the service", "dim"))
    command = paper.say(f"mlship rollback {service.service}", "bold")
    return paper.line(paper.say(" way back: ", "dim"), command, paper.say(f" {paper.glyphs.arrow} {target}", "dim"))
