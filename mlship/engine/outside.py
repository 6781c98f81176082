"""Looks with numbers that somebody else measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec.structs import replace

from mlship.errors import OutOfReach
from mlship.metrics.look import Look
from mlship.metrics.rewards import OutsideSource
from mlship.plan.model import Gate, Outside
from mlship.plan.step import Step


def measured(
    look: Look, step: Step, gates: Mapping[str, Gate], source: OutsideSource, *, candidate: str | None
) -> Look:
    """The look with what the source says of each candidate, for the gates of the step that ask for it."""
    models = step.challengers or ((candidate,) if candidate else ())
    values: dict[str, dict[str, float | None]] = {}
    trouble = ""
    for name, gate in _asked(step, gates):
        for model in models:
            try:
                value = source.value(gate.metric, model, look.start)
            except OutOfReach as error:
                value, trouble = None, error.message
            values.setdefault(name, {})[model] = value
    return replace(look, outside=values, trouble=look.trouble or trouble) if values else look


def _asked(step: Step, gates: Mapping[str, Gate]) -> Iterator[tuple[str, Outside]]:
    for name in dict.fromkeys((*step.gates, *step.guards)):
        gate = gates.get(name)
        if isinstance(gate, Outside):
            yield name, gate
