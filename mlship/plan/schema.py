"""The shape of a plan, checked against `schemas/plan.v1.json`; each complaint in the words of a person.

Beside the standard keywords the schema holds: `errorMessage`, which editors show too; `x-bare-number`, what to add to a
number without a unit; `x-family`, by which a key that stands in the wrong kind of stage or gate is explained.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from mlship.plan.document import plain
from mlship.plan.draft import Draft
from mlship.plan.fault import MOST_SHOWN, Steps, bare, known_words, nearest, shown, suggestion

Schema = Mapping[str, Any]

_NOUNS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}


@cache
def shipped_schema(kind: str) -> Schema:
    """The schema of plans, or of another kind of file, as it is shipped."""
    from importlib.resources import files

    text = files("mlship").joinpath("schemas", f"{kind}.v1.json").read_text(encoding="utf-8")
    schema: Schema = json.loads(text)
    return schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One error of the validator, in plain types."""

    keyword: str
    """The keyword of the schema that is not met, and in `rule` its value."""
    rule: Any
    schema: Schema
    instance: Any
    path: Steps
    is_nested: bool
    """It is about something inside of what the alternative is about."""
    is_name: bool
    """It is about a key, not about a value."""
    alternatives: Mapping[Hashable, Sequence[Complaint]]


def check_shape(draft: Draft) -> None:
    """Add the faults of the plan's shape to its findings, until these are full."""
    for error in _validator(draft.kind).iter_errors(plain(draft.root)):
        _report(draft, _complaint(error))
        if draft.findings.full:
            return


def _validator(kind: str) -> Any:  # noqa: ANN401 - the library makes the class at run time
    from jsonschema import validators
    from jsonschema.exceptions import ValidationError

    def pattern(_: object, regex: str, text: object, __: object) -> Iterator[ValidationError]:
        # The standard search lets a `$` match before a last newline, which no name or duration may hold.
        if isinstance(text, str) and not re.fullmatch(regex, text.replace("\n", "\0")):
            yield ValidationError("does not match")

    def unique(_: object, __: object, items: object, ___: object) -> Iterator[ValidationError]:
        # The standard check compares each item with each other one.
        if isinstance(items, list) and len({json.dumps(item, sort_keys=True) for item in items}) < len(items):
            yield ValidationError("is not unique")

    extend: Any = validators.extend
    return extend(validators.Draft202012Validator, {"pattern": pattern, "uniqueItems": unique})(shipped_schema(kind))


def _complaint(error: Any) -> Complaint:  # noqa: ANN401 - a ValidationError, whose attributes may all be unset
    alternatives: dict[Hashable, list[Complaint]] = {}
    for part in error.context or ():
        alternatives.setdefault(part.relative_schema_path[0], []).append(_complaint(part))
    return Complaint(
        keyword=error.validator,
        rule=error.validator_value,
        schema=error.schema,
        instance=error.instance,
        path=tuple(error.absolute_path),
        is_nested=bool(error.relative_path),
        is_name="propertyNames" in error.relative_schema_path,
        alternatives=alternatives,
    )


def _report(draft: Draft, complaint: Complaint) -> None:
    match complaint.keyword:
        case "required":
            _missing(draft, complaint)
        case "additionalProperties":
            _unknown(draft, complaint)
        case "anyOf":
            _none_fits(draft, complaint)
        case "maxProperties" if complaint.path == ("driver",):
            draft.fault(complaint.path, f"a plan has one driver; got {known_words(list(complaint.instance))}")
        case _ if complaint.is_name:
            draft.fault((*complaint.path, complaint.instance), _expected(complaint), at_key=True)
        case _:
            draft.fault(complaint.path, _message(complaint), _hint(draft, complaint))


def _missing(draft: Draft, complaint: Complaint) -> None:
    for name in complaint.rule:
        if name not in complaint.instance:
            example = _example(complaint.schema.get("properties", {}).get(name, {}), draft.kind)
            hint = f"add `{name}: {example}`" if example else ""
            draft.fault(complaint.path, f"`{name}` is missing", hint, at_key=True)


def _example(schema: Schema, kind: str) -> str:
    examples = schema.get("examples") or _referred(schema, kind).get("examples") or [""]
    example = examples[0]
    return example if isinstance(example, str) else json.dumps(example).replace('"', "")


def _referred(schema: Schema, kind: str) -> Schema:
    found: Schema = shipped_schema(kind)["$defs"].get(schema.get("$ref", "").rpartition("/")[2], {})
    return found


def _unknown(draft: Draft, complaint: Complaint) -> None:
    schema = complaint.schema
    known, patterns = schema.get("properties", {}), list(schema.get("patternProperties", {}))
    extra = [
        key for key in complaint.instance if key not in known and not any(re.search(each, key) for each in patterns)
    ]
    for key in extra[:MOST_SHOWN]:
        home = _home(key, schema.get("x-family"), draft.kind)
        message = f"belongs to {home}, not to {schema['title']}" if home else "unknown key"
        # Names alike come first: a mistyped key is likelier than one from elsewhere.
        hint = nearest(key, known) or ("" if home else suggestion(key, known, what="known"))
        draft.fault((*complaint.path, key), message, hint, at_key=True)


def _home(key: str, family: str | None, kind: str) -> str:
    """The members of the family that know this key."""
    members = [each for each in shipped_schema(kind)["$defs"].values() if family and each.get("x-family") == family]
    titles = [each["title"] for each in members if key in each["properties"]]
    return " or ".join(filter(None, [", ".join(titles[:-1]), *titles[-1:]]))


def _none_fits(draft: Draft, complaint: Complaint) -> None:
    """The complaints of the one alternative that is of the right type; where there is none, what is expected."""
    likely = [parts for parts in complaint.alternatives.values() if not any(map(_is_wrong_type, parts))]
    if len(likely) == 1:
        for part in likely[0]:
            _report(draft, part)
    else:
        draft.fault(complaint.path, _message(complaint), _hint(draft, complaint))


def _is_wrong_type(complaint: Complaint) -> bool:
    return complaint.keyword == "type" and not complaint.is_nested


_LIMITS: Mapping[str, Callable[[Any], str]] = {
    "minimum": lambda limit: f"expected {limit} or more",
    "maximum": lambda limit: f"expected {limit} or less",
    "minItems": lambda _: "must not be empty",
    "minLength": lambda _: "must not be empty",
    "minProperties": lambda _: "must not be empty",
    "maxItems": lambda limit: f"holds more than {limit} entries",
    "maxProperties": lambda limit: f"holds more than {limit} entries",
    "uniqueItems": lambda _: "holds an entry twice",
    "const": lambda value: f"expected {shown(value)}",
    "enum": lambda values: f"expected one of {known_words(values)}",
}


def _message(complaint: Complaint) -> str:
    says_it_all = isinstance(complaint.instance, dict | list) and complaint.keyword != "type"
    return _expected(complaint) + ("" if says_it_all else f"; got {shown(complaint.instance)}")


def _expected(complaint: Complaint) -> str:
    if "errorMessage" in complaint.schema:
        return str(complaint.schema["errorMessage"])
    if complaint.keyword == "type":
        types = complaint.rule
        return "expected " + " or ".join(_NOUNS[each] for each in ([types] if isinstance(types, str) else types))
    return _LIMITS[complaint.keyword](complaint.rule)


def _hint(draft: Draft, complaint: Complaint) -> str:
    schema, value, node = complaint.schema, complaint.instance, draft.node(complaint.path)
    wants_text = schema.get("type") == "string" or "anyOf" in schema
    match value:
        case str() if complaint.keyword == "enum":
            return nearest(value, complaint.rule)
        case int() | float() if "x-bare-number" in schema and not isinstance(value, bool):
            return _unit(str(schema["x-bare-number"]), value)
        case bool() | int() | float() if wants_text and node is not None:
            return f'quote it: "{node.written}"'
        case {**entries} if wants_text and list(entries.values()) == [None]:
            return f'quote it: "{{{bare(str(next(iter(entries))))}}}"'
        case None if schema.get("type") == "object":
            return "write {} for one without settings"
        case _:
            return ""


def _unit(remedy: str, number: float) -> str:
    if "%" in remedy and 0 < number < 1:
        return f"write {number * 100:g}% for the fraction {number:g}, or {number:g}%"
    return remedy.format(shown(number))
