"""Gates, where a plan defines them and where it uses them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlship.plan.answers import scores
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps, shown, suggestion


@dataclass(frozen=True, slots=True, kw_only=True)
class GateUse:
    """A gate where it is used: `reference` names it, `definition` says what it is (the same place if inline)."""

    reference: Steps
    definition: Steps
    kind: str
    """comparison, answers (of both models to the same requests), ceiling or manual."""


def definitions(draft: Draft) -> Iterator[Steps]:
    """Where gates are defined, by name or in place."""
    yield from (("gates", name) for name in draft.names("gates"))
    lists: list[Steps] = [("guards",), *((*stage, "gates") for stage in draft.places("stages"))]
    for each in lists:
        yield from (place for place in draft.places(*each) if draft.names(*place))


def gate_uses(draft: Draft, path: Steps) -> Iterator[GateUse]:
    """The gates of a list of references; a fault for each that does not exist."""
    for place in draft.places(*path):
        if draft.findings.full:
            return
        reference = draft.value(*place)
        if isinstance(reference, str) and not draft.has("gates", reference):
            known = draft.names("gates")
            draft.fault(place, f"there is no gate {shown(reference)}", suggestion(reference, known, what="gates"))
    yield from known_uses(draft, path)


def known_uses(draft: Draft, path: Steps) -> Iterator[GateUse]:
    """Those of a list of references that exist."""
    for place in draft.places(*path):
        reference = draft.value(*place)
        definition: Steps = ("gates", reference) if isinstance(reference, str) else place
        if reference is not None and draft.has(*definition):
            yield GateUse(reference=place, definition=definition, kind=_kind(draft, definition))


def _kind(draft: Draft, definition: Steps) -> str:
    keys, metric = draft.names(*definition), draft.value(*definition, "metric")
    if "manual" in keys:
        return "manual"
    if metric in draft.names("metrics"):
        return "ceiling"
    if "min" in keys or metric in {"psi", "ks", *scores(draft)}:
        return "answers"
    return "ceiling" if "max" in keys else "comparison"
