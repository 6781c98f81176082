"""The rules of a feature-flag stage: a checked document to values, and back to a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from mlship.plan import units
from mlship.plan.rule import WHOLE, Condition, Part, Rule

Document = Mapping[str, Any]

LIVE = "live"
CANDIDATE = "candidate"
"""What a rule of a plan names in place of a model."""

PARTS = (Part.HEADER, Part.COOKIE, Part.QUERY)


def build_rules(documents: Sequence[Document]) -> tuple[Rule, ...]:
    """Rules whose models are `LIVE` and `CANDIDATE`."""
    return tuple(build_rule(document) for document in documents)


def build_rule(document: Document) -> Rule:
    """One rule."""
    if "never" in document:
        return Rule(model=LIVE, when=tuple(_conditions(document["never"])))
    share = units.basis_points(document["percentage"]) if "percentage" in document else WHOLE
    return Rule(model=CANDIDATE, when=tuple(_conditions(document)), share=share or WHOLE)


def cast(rules: Sequence[Rule], *, live: str, candidate: str) -> tuple[Rule, ...]:
    """The same rules with the models that play the parts."""
    actors = {LIVE: live, CANDIDATE: candidate}
    return tuple(replace(rule, model=actors[rule.model]) for rule in rules)


def written(rule: Rule, *, live: str) -> dict[str, Any]:
    """A rule about models as a plan would write it: what `build_rule` reads."""
    conditions = _written(rule.when)
    if rule.model == live:
        return {"never": conditions}
    return {**conditions, **({"percentage": f"{rule.share / 100:g}%"} if rule.share < WHOLE or not conditions else {})}


def _conditions(document: Document) -> Iterator[Condition]:
    for part in PARTS:
        for name, wanted in document.get(part, {}).items():
            yield _condition(part, name.lower() if part is Part.HEADER else name, wanted)
    if "users" in document:
        yield Condition(part=Part.USER, values=tuple(document["users"]))


def _condition(part: Part, name: str, wanted: str | Sequence[str] | Document) -> Condition:
    match wanted:
        case str():
            return Condition(part=part, name=name, values=(wanted,))
        case {"matches": pattern}:
            return Condition(part=part, name=name, pattern=pattern)
        case {"absent": absent}:
            return Condition(part=part, name=name, absent=absent)
        case _:
            return Condition(part=part, name=name, values=tuple(wanted))


def _written(conditions: Sequence[Condition]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for condition in conditions:
        if condition.part is Part.USER:
            document["users"] = list(condition.values)
        else:
            document.setdefault(str(condition.part), {})[condition.name] = _wanted(condition)
    return document


def _wanted(condition: Condition) -> Any:  # noqa: ANN401 - JSON
    if condition.pattern is not None:
        return {"matches": condition.pattern}
    if not condition.values:
        return {"absent": condition.absent}
    return condition.values[0] if len(condition.values) == 1 else list(condition.values)
