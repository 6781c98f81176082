"""The schema of an event, made from the code: `python -m mlship.journal.schema > schemas/event.v1.json`."""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import msgspec

from mlship.journal import events
from mlship.journal.codec import KINDS, VERSION
from mlship.metrics import answers, counters, look, rewards
from mlship.plan import outcome, routing, rule, shift, step, verdict

_MODULES = (events, look, answers, counters, rewards, outcome, routing, rule, shift, step, verdict)

_ENVELOPE: Mapping[str, Mapping[str, Any]] = {
    "v": {"const": VERSION, "description": "Version of this form; fields are only ever added under one version."},
    "seq": {"type": "integer", "description": "Position in the journal; it grows, and may leave gaps."},
    "at": {"type": "string", "format": "date-time", "description": "When, in UTC with milliseconds (RFC 3339)."},
    "service": {"type": "string", "description": "The service that is rolled out."},
    "rollout": {"type": "string", "description": "The run of a plan that the event belongs to."},
}
_WORDS = {
    "assign_by": "Request header that holds the unit of assignment; null: each request is drawn anew.",
    "at": "Seconds since the epoch.",
    "base": "Folder that relative paths in the plan start from.",
    "by": "Who did it: user@host.",
    "candidate": "The model that may replace the live one; null: the plan only brings the live model up.",
    "closed": "The router answers 503 by itself.",
    "compiled": "The steps that the plan compiles to, the way back included.",
    "deadline": "Most seconds in this step.",
    "at_deadline": "What happens when the step has not passed by its deadline.",
    "end": "End of the interval, in seconds since the epoch.",
    "epoch": "Changes whenever the counters start again from zero.",
    "estimate": "The value measured; null: none yet, or not finite.",
    "evidence": "The numbers behind the verdict.",
    "gate": "Name of the gate.",
    "interval": "Lower and upper bound, valid at every look; a bound that is infinite is null.",
    "live": "The model that users rely on.",
    "log": "The last lines that the model wrote.",
    "look": "The numbers of the interval.",
    "message": "What went wrong.",
    "model": "Name of the model.",
    "models": "Tallies by name of model.",
    "number": "0 is the history before the rollout; later looks count from 1.",
    "order": "pause, resume, approve, promote or abort.",
    "outcome": "pass, wait (not enough data yet), blind (could not measure) or fail.",
    "plan": "The plan as JSON, references unresolved.",
    "previous": "The model that was live before.",
    "proof": "Evidence that the candidate is not worse; proven once it reaches proof_limit.",
    "proof_limit": "What proof must reach.",
    "limit": "What e_value must reach for the gate to fail.",
    "reason": "Why, in words.",
    "replicas": "How many replicas the act asks for.",
    "requests": "Number of requests.",
    "routing": "Where requests go.",
    "service": "The service that the plan rolls out.",
    "salt": "Mixed into the hash of the unit of assignment.",
    "seconds": "How long it took.",
    "segments": "Consecutive shares of the traffic in basis points, each with its model.",
    "stage": "Name of the stage in the plan.",
    "start": "Beginning of the interval, in seconds since the epoch.",
    "step": "Index of the step, from 0.",
    "steps": "Every step forward, in order.",
    "strategy": "The strategy of the stage.",
    "tallies": "Requests, errors and latency by name of model.",
    "to": "The model that the traffic goes back to.",
    "verb": "The act: ensure, route or retire.",
    "verdicts": "What each gate says.",
    "way_back": "The step that brings all traffic back to the live model.",
    "what": "What was put right.",
}
"""For fields that speak for themselves in the code, but not to a reader of the schema."""


_OFTEN_ABSENT = frozenset({"shift"})
"""Fields that a line leaves out where there is nothing to say."""


def event_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of one line of `--output json`."""
    _, found = msgspec.json.schema_components(list(KINDS.values()), ref_template="#/$defs/{name}")
    definitions = {name: _described(name, definition) for name, definition in found.items()}
    for name, kind in KINDS.items():
        definitions[kind.__name__] = _enveloped(name, definitions[kind.__name__])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An event of mlship",
        "description": "One line of `--output json`: something that happened to a service.",
        "oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in KINDS.values()],
        "$defs": dict(sorted(definitions.items())),
    }


def _described(name: str, definition: dict[str, Any]) -> dict[str, Any]:
    described = {**definition, "description": _first_sentences(definition["description"])}
    if "properties" not in definition:
        return described
    own = dict(_field_docs(name))
    fields = {
        key: _field(own.get(key) or _WORDS.get(key, ""), value) for key, value in definition["properties"].items()
    }
    if name == "Evidence":
        fields["interval"] = _nullable_bounds(fields["interval"])
    # A line holds every other field, also those that a program may leave out when it makes the event.
    required = [key for key in fields if key not in _OFTEN_ABSENT]
    return {**described, "properties": fields, "required": required}


def _field(description: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, **{key: item for key, item in value.items() if key != "default"}}


def _nullable_bounds(interval: dict[str, Any]) -> dict[str, Any]:
    bounds = {"type": "array", "prefixItems": [{"type": ["number", "null"]}] * 2, "minItems": 2, "maxItems": 2}
    return {"description": interval["description"], "anyOf": [bounds, {"type": "null"}]}


def _enveloped(name: str, definition: dict[str, Any]) -> dict[str, Any]:
    kind = {"type": {"const": name, "description": definition["description"]}}
    fields = {**_ENVELOPE, **kind, **definition["properties"]}
    return {**definition, "properties": fields, "required": list(fields)}


def _first_sentences(docstring: str) -> str:
    text, _, _ = inspect.cleandoc(docstring).partition("\n\nRaises:")
    return " ".join(text.split())


def _field_docs(name: str) -> Iterator[tuple[str, str]]:
    """The strings that stand under the fields of a class: Python itself does not keep them."""
    body = _classes()[name].body
    for field, following in pairwise(body):
        match field, following:
            case ast.AnnAssign(target=ast.Name(id=key)), ast.Expr(value=ast.Constant(value=str(text))):
                yield key, " ".join(text.split())
            case _:
                continue


def _classes() -> dict[str, ast.ClassDef]:
    trees = (ast.parse(inspect.getsource(module)) for module in _MODULES)
    return {node.name: node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(event_schema(), indent=2, ensure_ascii=False) + "\n")
