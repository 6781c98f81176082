"""Requests and answers held against botocore's own description of each service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

from tests.emulators.sagemaker.errors import ApiError, invalid

WHOLE = {"integer", "long"}
REAL = {"float", "double"}
NUMBERS = WHOLE | REAL
CLASSES = {
    "ASCII": r"\x00-\x7f",
    "Print": r"\x20-\x7e",
    "L": r"a-zA-Z\u00c0-\uffff",
    "M": r"\u0300-\u036f",
    "N": "0-9",
    "P": r"!-/:-@\[-`{-~",
    "S": r"$+<=>\^`|~",
    "Z": r"\s",
}
"""Java's classes of characters; beyond ASCII about right."""
TOKEN = re.compile(r"\\p\{(?P<named>\w+)\}|(?P<surrogates>\\uD800\\uDC00-\\uDBFF\\uDFFF)|\\z|\\.|\[|\]")


@cache
def service(name: str) -> Any:
    """botocore's `ServiceModel` of the installed version."""
    import botocore.loaders
    import botocore.model

    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"), name)


def operation(of: str, name: str) -> Any:
    """botocore's `OperationModel`.

    Raises:
        ApiError: the service has no such operation.
    """
    if name not in service(of).operation_names:
        raise ApiError("UnknownOperationException", f"{of} knows no {name}")
    return service(of).operation_model(name)


def checked(shape: Any, value: Any) -> Any:
    """The request with timestamps as seconds, if it keeps to its shape.

    Raises:
        ApiError: it does not, in AWS's words, every fault of it.
    """
    value = plain(value)
    faults = list(_faults(shape, value, ""))
    if faults:
        noun = "error" if len(faults) == 1 else "errors"
        raise invalid(f"{len(faults)} validation {noun} detected: {'; '.join(faults)}")
    return value


def plain(value: Any) -> Any:
    """Timestamps as seconds since the epoch."""
    match value:
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case datetime():
            return value.timestamp()
        case _:
            return value


def amiss(shape: Any, value: Any) -> list[str]:
    """What an answer says that its shape does not know, or leaves out, or in another type."""
    match shape.type_name:
        case "structure":
            if not isinstance(value, dict):
                return [f"{shape.name} is {value!r}"]
            found = [f"{shape.name} has no {key}" for key in value if key not in shape.members]
            found += [f"{shape.name} lacks {key}" for key in shape.required_members if key not in value]
            known = [key for key in value if key in shape.members]
            return found + [text for key in known for text in amiss(shape.members[key], value[key])]
        case "list":
            return [text for item in value for text in amiss(shape.member, item)]
        case "map":
            return [text for item in value.values() for text in amiss(shape.value, item)]
        case kind:
            return [] if _is(kind, value) else [f"{shape.name} is {value!r}"]


def _is(kind: str, value: object) -> bool:
    if kind in WHOLE:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in REAL | {"timestamp"}:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "boolean":
        return isinstance(value, bool)
    return isinstance(value, str | bytes)


def _faults(shape: Any, value: Any, at: str) -> Iterator[str]:
    if value is None:
        return
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            yield from _members(shape, value, at)
        case "list" if isinstance(value, list):
            yield from _size(shape, len(value), value, at)
            for place, item in enumerate(value, 1):
                yield from _faults(shape.member, item, f"{at}.{place}.member")
        case "map" if isinstance(value, dict):
            yield from _size(shape, len(value), value, at)
            for key, item in value.items():
                yield from _faults(shape.key, key, f"{at}.{key}.key")
                yield from _faults(shape.value, item, f"{at}.{key}.value")
        case "structure" | "list" | "map":
            yield _fault(value, at, f"Member must be a {shape.type_name}")
        case _:
            yield from _scalar(shape, value, at)


def _members(shape: Any, value: dict[str, Any], at: str) -> Iterator[str]:
    for key in shape.required_members:
        if value.get(key) is None:
            yield _fault(None, _below(at, key), "Member must not be null")
    for key, item in value.items():
        if key in shape.members:
            yield from _faults(shape.members[key], item, _below(at, key))
        else:
            yield _fault(item, _below(at, key), "Member is unknown")


def _scalar(shape: Any, value: Any, at: str) -> Iterator[str]:
    if not _is(shape.type_name, value):
        yield _fault(value, at, f"Member must be a {shape.type_name}")
        return
    if shape.type_name in NUMBERS:
        yield from _range(shape, value, at)
    elif shape.type_name == "string":
        yield from _size(shape, len(value), value, at)
        choices = shape.metadata.get("enum")
        if choices and value not in choices:
            yield _fault(value, at, f"Member must satisfy enum value set: [{', '.join(choices)}]")
        pattern = shape.metadata.get("pattern")
        if pattern and not expression(pattern).fullmatch(value):
            yield _fault(value, at, f"Member must satisfy regular expression pattern: {pattern}")


@cache
def expression(pattern: str) -> re.Pattern[str]:
    """A service's pattern, which is Java's, as Python's."""
    inside = False

    def python(found: re.Match[str]) -> str:
        nonlocal inside
        if found[0] in {"[", "]"}:
            inside = found[0] == "["
        if found["named"]:
            return CLASSES[found["named"]] if inside else f"[{CLASSES[found['named']]}]"
        if found["surrogates"]:
            return r"\U00010000-\U0010FFFF"
        return r"\Z" if found[0] == r"\z" else found[0]

    return re.compile(TOKEN.sub(python, pattern))


def _range(shape: Any, value: float, at: str) -> Iterator[str]:
    lowest, highest = shape.metadata.get("min"), shape.metadata.get("max")
    if lowest is not None and value < float(lowest):
        yield _fault(value, at, f"Member must have value greater than or equal to {lowest}")
    if highest is not None and value > float(highest):
        yield _fault(value, at, f"Member must have value less than or equal to {highest}")


def _size(shape: Any, size: int, value: Any, at: str) -> Iterator[str]:
    lowest, highest = shape.metadata.get("min"), shape.metadata.get("max")
    if lowest is not None and size < lowest:
        yield _fault(value, at, f"Member must have length greater than or equal to {lowest}")
    if highest is not None and size > highest:
        yield _fault(value, at, f"Member must have length less than or equal to {highest}")


def _fault(value: Any, at: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{at}' failed to satisfy constraint: {constraint}"


def _below(at: str, key: str) -> str:
    name = key[:1].lower() + key[1:]
    return f"{at}.{name}" if at else name
