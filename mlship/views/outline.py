"""What a plan would do, before it is done: drift, the steps that `deploy` executes, the way back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from mlship.drivers.base import Observed
from mlship.journal.state import ServiceState
from mlship.plan.gatebook import signatures
from mlship.plan.model import Comparison, Plan
from mlship.plan.step import CompiledPlan, Step
from mlship.views import words
from mlship.views.contest import planned
from mlship.views.drift import drift
from mlship.views.paper import Paper
from mlship.views.risk import bad_answers, requests_needed, risk, rivals
from mlship.views.sentence import title
from mlship.views.shadows import shadows
from mlship.views.shifts import shifts
from mlship.views.table import table
from mlship.views.times import least, most, shortest, waits

_WHAT = ("", "step", "traffic")
_CONDITIONS = ("ready first", "then keep", "waits for", "guards")
_COURSE = ("least", "most", "or else", "found in", "at risk")
_ONE_TABLE = 140
"""Columns from which the steps stand in one table."""
_FIRM = frozenset({"traffic"})
_ROOMY = 28
"""Columns at which a cell may well be folded."""
_NUMBERS = frozenset({"", "least", "most", "found in", "at risk"})


def outline(
    compiled: CompiledPlan, plan: Plan, observed: Observed | None, state: ServiceState | None, paper: Paper
) -> RenderableType:
    """The preview. `observed` None: the backend was not asked; `state` None: the service is new."""
    return Group(
        _headline(compiled, plan, paper),
        *_now(observed, state, paper),
        Text(),
        *_steps(compiled, plan, paper),
        *_experiments(compiled, plan, paper),
        Text(),
        *(_wrapped(paper, note) for note in _notes(compiled, plan)),
        _total(compiled, paper),
    )


def _experiments(compiled: CompiledPlan, plan: Plan, paper: Paper) -> Iterator[RenderableType]:
    if any(step.metric for step in compiled.steps):
        from mlship.views.hypotheses import hypotheses

        yield from hypotheses(compiled, plan, paper)


def _wrapped(paper: Paper, note: str) -> Text:
    """A sentence that may be wrapped."""
    return Text(paper.glyphs.fit(note), style="dim")


def _headline(compiled: CompiledPlan, plan: Plan, paper: Paper) -> Text:
    moving = f"{compiled.live} {paper.glyphs.arrow} {planned(compiled)}" if compiled.candidate else compiled.live
    return paper.line(paper.say(compiled.service, "bold"), f"  {moving}  on {plan.driver.name}")


def _now(observed: Observed | None, state: ServiceState | None, paper: Paper) -> Iterator[Text]:
    rollout = state.rollout if state else None
    if state is not None and rollout is not None and not rollout.status.over:
        yield paper.line(paper.say(f"! rollout {rollout.rollout} is {rollout.status}: it has to end first", "yellow"))
    if observed is None:
        yield paper.line(paper.say("what runs now was not asked", "dim"))
        return
    differences = drift(observed, state)
    for difference in differences:
        yield paper.line(paper.say(f"! drift: {difference}", "yellow"))
    if not differences:
        serving = f"no drift: {words.weights(observed.routing)}" if observed.routing else "nothing runs yet"
        yield paper.line(paper.say(f"{paper.glyphs.done} {serving}", "green"))


def _steps(compiled: CompiledPlan, plan: Plan, paper: Paper) -> Iterator[RenderableType]:
    """One table; on narrow paper two, with the same numbers in front."""
    rows = [
        (
            (str(number), title(step), words.stacked(step.routing)),
            _conditions(plan, step),
            _course(step, compiled, plan),
        )
        for number, step in enumerate(compiled.steps, start=1)
    ]
    heads, whole = (*_WHAT, *_CONDITIONS, *_COURSE), [what + conditions + course for what, conditions, course in rows]
    if paper.width >= max(_ONE_TABLE, _room(heads, whole)):
        yield table(paper, heads, whole, _NUMBERS, _FIRM)
        return
    yield table(paper, (*_WHAT, *_COURSE), [what + course for what, _, course in rows], _NUMBERS, _FIRM)
    yield Text()
    waiting = [(what[0], *conditions) for what, conditions, _ in rows if any(conditions)]
    yield table(paper, ("", *_CONDITIONS), waiting, _NUMBERS)


def _room(heads: Sequence[str], rows: Sequence[tuple[str, ...]]) -> int:
    """Columns that the table needs so that no cell is squeezed."""
    columns = zip(heads, *rows, strict=True)
    return sum(2 + min(_ROOMY, max(len(line) for cell in column for line in (cell.split("\n")))) for column in columns)


def _conditions(plan: Plan, step: Step) -> tuple[str, ...]:
    waiting = ", ".join(_waits(plan, step))
    return words.replicas(step.ready), words.replicas(step.keep), waiting, ", ".join(step.guards)


def _course(step: Step, compiled: CompiledPlan, plan: Plan) -> tuple[str, ...]:
    danger = risk(plan, step, compiled.candidate)
    fewest = shortest(step)
    return (
        words.duration(fewest) if fewest else "",
        words.duration(most((step,))) if waits(step) or step.routing.shift else "",
        str(step.late(step.gates, signatures(plan.gates))) if waits(step) else "",
        words.duration(danger.seconds) if danger else "",
        words.count(danger.requests) if danger else "",
    )


def _waits(plan: Plan, step: Step) -> Iterator[str]:
    least = max(step.requests, requests_needed(plan, step))
    if least:
        each = " of each" if len(step.challengers) > 1 else ""
        yield words.plural(least, "answer" if step.routing.mirrors else "request") + each
    for gate in step.gates:
        yield f"{gate} proven" if step.proof and isinstance(plan.gates.get(gate), Comparison) else gate


def _notes(compiled: CompiledPlan, plan: Plan) -> Iterator[str]:
    judged = [step for step in compiled.steps if step.gates or step.guards]
    for step in compiled.steps:
        if step.routing.mirrors:
            yield from shadows(step, compiled, plan)
        if step.routing.shift:
            yield from shifts(step, step.routing.shift)
    proof = max((requests_needed(plan, step) for step in judged if step.proof), default=0)
    if proof:
        alpha = f"{plan.alpha.promote:g}" + (f" shared by {rivals(plan)} challengers" if rivals(plan) > 1 else "")
        yield (
            f"Proven: a candidate without a bad answer needs about {words.count(proof)} requests, ln(1/alpha)/margin "
            f"at alpha {alpha}; one with bad answers needs more."
        )
    yield from _detection(judged, plan)
    yield _way_back(compiled)


def _detection(judged: list[Step], plan: Plan) -> Iterator[str]:
    if judged and plan.traffic:
        bad = max(bad_answers(plan, step) for step in judged)
        copied = " In a shadow such a challenger is out by then; nothing is at risk, because no user gets its answers."
        yield (
            f"Found in, at risk: a candidate that fails every request is rolled back after {bad} bad answers, at the "
            f"next look (every {words.duration(plan.look_every)}), at {words.rate(plan.traffic)} requests/s; a smaller "
            f"harm takes longer.{copied if any(step.routing.mirrors for step in judged) else ''}"
        )
    elif judged:
        yield "State `traffic` (requests per second) in the plan to see the time to detect and the requests at risk."


def _way_back(compiled: CompiledPlan) -> str:
    back, copies = compiled.way_back, any(step.routing.mirrors for step in compiled.steps)
    rivals = tuple(dict.fromkeys(name for step in compiled.steps for name in step.challengers))
    first = f"with {words.replicas(back.ready)} ready first" if back.ready else "at once"
    ends = f"; it {'ends the copies and ' if copies else ''}stops {words.listed(rivals)}" if rivals else ""
    how = f"to {words.weights(back.routing)}, {first}{ends}"
    return f"Way back from every step: mlship rollback {compiled.service} ({how})."


def _total(compiled: CompiledPlan, paper: Paper) -> Text:
    steps = compiled.steps
    times = f"least {words.duration(least(steps))}, most {words.duration(most(steps))}"
    return paper.line(
        paper.say(f"Plan: {words.plural(len(steps), 'step')}, {times}, and the starting of models", "bold")
    )
