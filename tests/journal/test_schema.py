from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from mlship.journal.codec import KINDS, line
from mlship.journal.events import Event, Looked
from mlship.journal.schema import event_schema
from tests.journal.made import examples, look, recorded, values
from tests.journal.test_codec import INFINITE

SHIPPED = json.loads(files("mlship").joinpath("schemas", "event.v1.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SHIPPED)


def descriptions(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, definition in schema["$defs"].items():
        yield name, definition.get("description", "")
        for key, value in definition.get("properties", {}).items():
            yield f"{name}.{key}", value.get("description", "")


def test_the_shipped_schema_is_the_one_of_the_code() -> None:
    """`schemas/event.v1.json` agrees with the code; if not: python -m mlship.journal.schema > it."""
    assert event_schema() == SHIPPED


def test_the_schema_is_valid() -> None:
    """The schema itself is one of draft 2020-12."""
    Draft202012Validator.check_schema(SHIPPED)


def test_everything_is_described() -> None:
    """Every event, every value and every field has a description."""
    assert [name for name, description in descriptions(SHIPPED) if not description] == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_no_field_of_an_event_hides_the_envelope(kind: type[Event]) -> None:
    """The fields of an event and those around it have different names, so a flat line loses nothing."""
    assert {"v", "seq", "at", "service", "rollout", "type"}.isdisjoint(kind.__struct_fields__)


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_every_line_is_valid(kind: type[Event]) -> None:
    """Whatever an event holds, its public line is what the schema says."""

    @examples(10)
    @given(event=values(kind))
    def holds(event: Event) -> None:
        (item,) = recorded(event)
        VALIDATOR.validate(json.loads(json.dumps(line(item))))

    holds()


def test_infinite_evidence_is_valid() -> None:
    """A line with evidence that is not finite is what the schema says, and strict JSON."""
    (item,) = recorded(Looked(step=0, look=look(1), verdicts=(INFINITE,)))

    VALIDATOR.validate(json.loads(json.dumps(line(item), allow_nan=False)))


def test_the_schema_refuses_what_is_no_event() -> None:
    """A line without its reason, or of an unknown kind, is not valid."""
    (item,) = [line(one) for one in recorded(Looked(step=0, look=look(1)))]

    assert not VALIDATOR.is_valid({**item, "type": "teleported"})
    assert not VALIDATOR.is_valid({key: value for key, value in item.items() if key != "look"})
