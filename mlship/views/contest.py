"""Several challengers in one rollout: who they are, and whether one has been chosen."""

from __future__ import annotations

from mlship.journal.state import RolloutState
from mlship.plan.step import CompiledPlan, Step
from mlship.plan.verdict import Outcome, Verdict
from mlship.views.words import listed


def challengers(compiled: CompiledPlan) -> tuple[str, ...]:
    """Every model that is judged by itself somewhere, where there are several."""
    return next((step.challengers for step in compiled.steps if len(step.challengers) > 1), ())


def contested(compiled: CompiledPlan) -> int:
    """Index of the step in which several challengers are judged; -1: none."""
    return next((index for index, step in enumerate(compiled.steps) if len(step.challengers) > 1), -1)


def undecided(rollout: RolloutState) -> tuple[str, ...]:
    """The challengers of which one is still to be chosen; empty once one is, or where there are not several."""
    at = contested(rollout.compiled)
    over = rollout.step > at or (rollout.step == at and rollout.passed)
    return () if at < 0 or over else rollout.compiled.steps[at].challengers


def contenders(rollout: RolloutState) -> str:
    """Who is to replace the live model, "v2", "v2 or v3"; empty: nobody."""
    return either(undecided(rollout)) or rollout.compiled.candidate or ""


def planned(compiled: CompiledPlan) -> str:
    """Who is to replace the live model before anything has run."""
    return either(challengers(compiled)) or compiled.candidate or ""


def either(names: tuple[str, ...]) -> str:
    """As in "v2", "v2 or v3", "v2, v3 or v4"."""
    return listed(names, "or")


def chosen(rollout: RolloutState) -> str:
    """As in ", chosen of v2, v3 and v4"; empty: nobody has been chosen of several."""
    names = challengers(rollout.compiled)
    if not names or undecided(rollout):
        return ""
    return f", chosen of {listed(names)}"


def about(verdicts: tuple[Verdict, ...], challenger: str) -> dict[str, Verdict]:
    """Gate → what it says of the challenger, or of all of them."""
    return {verdict.gate: verdict for verdict in verdicts if verdict.challenger in {"", challenger}}


def out(verdicts: tuple[Verdict, ...], challenger: str) -> Verdict | None:
    """Why the challenger cannot go on; None: it may."""
    failed = (v for v in verdicts if v.outcome is Outcome.FAIL and v.challenger == challenger)
    return next(failed, None)


def names(step: Step) -> tuple[str, ...]:
    """Gates and guards of the step, each once."""
    return tuple(dict.fromkeys((*step.gates, *step.guards)))
