"""What a step with copies means, in the sentences of the preview."""

from __future__ import annotations

from collections.abc import Iterator

from mlship.plan.model import CaptureSettings, Plan
from mlship.plan.step import CompiledPlan, Step
from mlship.views import words
from mlship.views.contest import contested
from mlship.views.needed import claim, pairs


def shadows(step: Step, compiled: CompiledPlan, plan: Plan) -> Iterator[str]:
    """Who answers whom, what several challengers lead to, what is kept, and what the gates over answers need."""
    copied = ", ".join(f"{words.share(mirror.share)} to {mirror.model}" for mirror in step.routing.mirrors)
    yield f"Copies: users get only the answers of {compiled.live}; copies of its requests go on, {copied}."
    yield from _choice(step, compiled)
    if step.routing.capture is not None:
        yield _kept(plan.capture)
    for name in step.gates:
        if said := claim(plan.gates[name]):
            needs = pairs(plan.gates[name], plan)
            each = "each challenger needs" if len(step.challengers) > 1 else "it needs"
            yield f"{name}: {said}" + (f"; {each} {needs}" if needs else "") + "."


def _choice(step: Step, compiled: CompiledPlan) -> Iterator[str]:
    if len(step.challengers) < 2:
        return
    names, first, last = words.listed(step.challengers), contested(compiled) + 2, len(compiled.steps)
    shown = f"step {first} is" if first == last else f"steps {first} to {last} are"
    yield (
        f"Challengers: {names} are judged each by itself; of those that pass every gate the best goes on, the others "
        f"are stopped. It shows in the shadow which one: {shown} printed as if it were {compiled.candidate}."
    )


def _kept(capture: CaptureSettings) -> str:
    what = "both answers" if not capture.request else "the request and both answers"
    headers = f", the headers {words.listed(capture.headers)}" if capture.headers else ""
    hidden = f", without {words.listed(capture.redact)}" if capture.redact else ""
    limit = words.size(capture.limit)
    return (
        f"Kept: of {words.share(capture.sample)} of the requests {what}{headers}{hidden}, up to {limit} of each body, "
        f"for {words.duration(capture.keep)} and within {words.size(capture.most)} on disk."
    )
