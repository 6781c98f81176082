"""The schema of worlds, and its agreement with what is built from a world."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import fields

from mlship.drivers.simulated.reading import Cast, build_world
from mlship.drivers.simulated.spec import Labels, Latency, Nature, Traffic, Users, World

SCHEMA: Mapping[str, Any] = json.loads(files("mlship").joinpath("schemas", "world.v1.json").read_text("utf-8"))
DEFS = SCHEMA["$defs"]
CAST = Cast(models=("v1", "v2"), live="v1", candidate="v2")


def keys(schema: Any, where: str = "world") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema of a value that a user may write, with its place."""
    if isinstance(schema, dict):
        for name, child in {**schema.get("properties", {}), **schema.get("$defs", {})}.items():
            yield f"{where}.{name}", child
        for name, child in schema.items():
            yield from keys(child, f"{where}.{name}")
    elif isinstance(schema, list):
        for place, child in enumerate(schema):
            yield from keys(child, f"{where}[{place}]")


KEYS = list(keys(SCHEMA))


def test_the_schema_is_a_schema() -> None:
    """It keeps to draft 2020-12."""
    Draft202012Validator.check_schema(SCHEMA)


def test_every_key_is_explained() -> None:
    """An editor has a sentence for each."""
    assert [where for where, schema in KEYS if not schema["description"].endswith(".")] == []


def test_examples_and_defaults_are_valid() -> None:
    """What an editor proposes is accepted."""
    proposed = [
        (where, schema, value)
        for where, schema in KEYS
        for value in (*schema.get("examples", ()), *([schema["default"]] if "default" in schema else []))
    ]

    assert proposed
    for where, schema, value in proposed:
        assert Draft202012Validator({**schema, "$defs": DEFS}).is_valid(value), (where, value)


@pytest.mark.parametrize(
    ("kind", "properties", "others"),
    [
        (Nature, DEFS["model"]["properties"], set()),
        (Latency, DEFS["latency"]["properties"], set()),
        (Users, SCHEMA["properties"]["users"]["properties"], set()),
        (Labels, SCHEMA["properties"]["labels"]["properties"], set()),
        (World, SCHEMA["properties"], {"version", "drift", "errors", "conversion"}),
        (Traffic, DEFS["wave"]["properties"], {"mean", "rates"}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_key_has_its_field(kind: type, properties: Mapping[str, Any], others: set[str]) -> None:
    """Nothing can be written that is not kept, nor kept unwritten."""
    assert {key.replace("-", "_") for key in properties} ^ {field.name for field in fields(kind)} <= others


def test_the_defaults_that_editors_show_are_the_real_ones() -> None:
    """A world in which every default is written out is the one in which nothing is."""
    properties = SCHEMA["properties"]
    written: dict[str, Any] = {key: properties[key]["default"] for key in properties if "default" in properties[key]}
    written["users"] = _defaults(properties["users"]["properties"])
    written["models"] = {"live": {**_defaults(DEFS["model"]["properties"]), "latency": _of("latency")}}
    written["labels"] = {**_defaults(properties["labels"]["properties"]), "delay": _of("delay")}
    written["outcomes"] = {"delay": _of("delay")}

    assert build_world(written, CAST) == build_world({}, CAST)


def _of(name: str) -> dict[str, Any]:
    return _defaults(DEFS[name]["properties"])


def _defaults(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {key: schema["default"] for key, schema in properties.items() if "default" in schema}
