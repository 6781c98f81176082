"""Whether everything that runs at once fits: for the preview, and for `deploy`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from mlship.plan.capacity import Kind, Peak, Room, limit, peaks, spelled, too_large, unlimited
from mlship.plan.model import Plan
from mlship.plan.sagemaker.check import NAME
from mlship.plan.step import CompiledPlan
from mlship.views import words
from mlship.views.paper import Paper

_OUTCOME = {
    Kind.CPUS: "replicas will wait for each other",
    Kind.MEMORY: "replicas may be killed for want of it",
    Kind.GPUS: "replicas will share them",
}


def capacity(compiled: CompiledPlan, plan: Plan, room: Room | None, paper: Paper) -> Iterator[Text]:
    """Lines; none where no model is a container. `room` None: nobody knows what there is."""
    if not contained(plan):
        return
    most, lacks = peaks(compiled.steps, plan.models, room or {}), list(shortages(compiled, plan, room))
    yield Text()
    if most:
        yield Text(paper.glyphs.fit(f"Asked for at once, at most: {_asked(most)}."))
    if room is None:
        yield Text("What the Docker daemon has is unknown.", style="yellow")
    elif lacks:
        yield from (Text(paper.glyphs.fit(f"! does not fit: {lack}"), style="yellow") for lack in lacks)
    elif most:
        there = ", ".join(spelled(kind, amount) for kind, amount in room.items())
        yield Text(paper.glyphs.fit(f"{paper.glyphs.done} fits: the Docker daemon has {there}"), style="green")
    yield from (Text(paper.glyphs.fit(line), style="dim") for line in _open(compiled, plan, most, room))


def limited(lacks: Sequence[str], paper: Paper) -> Iterator[Text]:
    """Lines of what the backend does not allow."""
    yield from (Text(paper.glyphs.fit(f"! does not fit: {lack}"), style="yellow") for lack in lacks)


def shortages(compiled: CompiledPlan, plan: Plan, room: Room | None) -> Iterator[str]:
    """What does not fit, one sentence each, and what comes of it."""
    if room is None:
        return
    for name, kind in too_large(plan.models, room):
        asked = spelled(kind, limit(plan.models[name], kind))
        yield f"one replica of {name} asks for {asked}, the daemon has {spelled(kind, room[kind])}: deploy refuses"
    for peak in peaks(compiled.steps, plan.models, room):
        if peak.exceeds(room):
            yield f"{_asked([peak])}, the daemon has {spelled(peak.kind, room[peak.kind])}: {_OUTCOME[peak.kind]}"


def contained(plan: Plan) -> bool:
    """Some model is a container of a daemon, whose limits are known."""
    return plan.driver.name != NAME and any(model.container for model in plan.models.values())


def _asked(most: Sequence[Peak]) -> str:
    """As in "4 CPUs and 8 GiB of memory in step 2 (2 of v1, 2 of v2)"."""
    steps = dict.fromkeys(peak.step for peak in most)
    return "; ".join(_in_step([peak for peak in most if peak.step == step]) for step in steps)


def _in_step(most: Sequence[Peak]) -> str:
    amounts = words.listed([spelled(peak.kind, peak.amount) for peak in most])
    return f"{amounts} in step {most[0].step} ({words.replicas(most[0].replicas)})"


def _open(compiled: CompiledPlan, plan: Plan, most: Sequence[Peak], room: Room | None) -> Iterator[str]:
    """What the numbers say nothing of."""
    without = [
        f"{name} has no limit of {words.listed([_NOUN[kind] for kind in kinds], 'or')}"
        for name, kinds in unlimited(compiled.steps, plan.models).items()
    ]
    if without:
        yield f"Not counted: {'; '.join(without)}."
    if room is not None and Kind.GPUS not in room and any(peak.kind is Kind.GPUS for peak in most):
        yield "The daemon does not tell how many GPUs it has."


_NOUN = {Kind.CPUS: "CPUs", Kind.MEMORY: "memory", Kind.GPUS: "GPUs"}
