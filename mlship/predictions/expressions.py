"""JMESPath: what a plan's expressions find in an answer, and what of it is never kept."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from mlship.errors import UsageError

HEADER = "header:"
_Place = tuple[Any, Any]
"""A list or an object, and the index or key in it."""
_SELECTING = frozenset(
    {"field", "index", "slice", "subexpression", "index_expression", "projection", "value_projection"}
    | {"filter_projection", "flatten", "current", "identity"}
)


@lru_cache(maxsize=256)
def compiled(expression: str) -> Any:  # noqa: ANN401 - jmespath has no types
    """An expression, parsed once.

    Raises:
        UsageError: it is no JMESPath.
    """
    import jmespath
    from jmespath.exceptions import JMESPathError

    if expression.startswith(HEADER):
        expression = f'headers."{expression.removeprefix(HEADER).lower()}"'
    try:
        return jmespath.compile(expression)
    except JMESPathError as error:
        hint = "Write it as on jmespath.org, for example outputs[0].data[0]."
        raise UsageError(f"{expression!r} is not a JMESPath expression: {_first_line(error)}", hint=hint) from error


def value_of(expression: str, document: object) -> Any:  # noqa: ANN401
    """What the expression finds, or None: nothing there, or a function that does not fit the value."""
    steps = _steps(expression)
    if steps is not None:
        return _walked(steps, document)
    from jmespath.exceptions import JMESPathError

    try:
        return compiled(expression).search(document)
    except (JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError):
        return None


@lru_cache(maxsize=256)
def _steps(expression: str) -> tuple[str | int, ...] | None:
    """A plain path like outputs[0].data[0] as its keys and indices: most are, and walking costs a tenth of a search."""
    steps: list[str | int] = []
    pending = [compiled(expression).parsed]
    while pending:
        node = pending.pop()
        match node["type"]:
            case "field" | "index":
                steps.append(node["value"])
            case "subexpression" | "index_expression":
                pending += reversed(node["children"])
            case "identity":
                pass
            case _:
                return None
    return tuple(steps)


def _walked(steps: tuple[str | int, ...], value: Any) -> Any:  # noqa: ANN401
    for step in steps:
        if isinstance(step, str):
            if not isinstance(value, dict):
                return None
            value = value.get(step)
        else:
            if not isinstance(value, list) or not -len(value) <= step < len(value):
                return None
            value = value[step]
    return value


def check_redaction(expression: str) -> None:
    """See that an expression selects places, and so can be redacted.

    Raises:
        UsageError: it computes something instead, or it is no JMESPath.
    """
    pending = [compiled(expression).parsed]
    while pending:
        node = pending.pop()
        if node["type"] not in _SELECTING:
            hint = "Use fields, indices, slices, [*], * and [?filter] only."
            raise UsageError(f"redact: {expression!r} computes a value instead of selecting one", hint=hint)
        pending += _parts(node)


def redact(expression: str, document: object) -> None:
    """Replace by null, in place, whatever the expression selects in `document`."""
    root = [document]
    for owner, at in list(_places(compiled(expression).parsed, [(root, 0)])):
        owner[at] = None


def _parts(node: dict[str, Any]) -> list[dict[str, Any]]:
    match node["type"]:
        case "field" | "index" | "slice":
            return []
        case "filter_projection":
            return list(node["children"][:2])
        case _:
            return list(node["children"])


def _places(node: dict[str, Any], at: list[_Place]) -> list[_Place]:  # noqa: PLR0911 - one per kind of node
    """Where a parsed expression leads from each of the places `at`."""
    match node["type"]:
        case "field":
            return [(each, node["value"]) for each in _held(at) if isinstance(each, dict) and node["value"] in each]
        case "index":
            inside = (each for each in _held(at) if isinstance(each, list))
            return [(each, node["value"]) for each in inside if -len(each) <= node["value"] < len(each)]
        case "slice":
            inside = (each for each in _held(at) if isinstance(each, list))
            return [(each, n) for each in inside for n in range(len(each))[slice(*node["children"])]]
        case "flatten":
            return list(_flattened(_spread(node["children"][0], at)))
        case "projection" | "value_projection" | "filter_projection":
            left, right = node["children"][:2]
            return _places(right, list(_members(node, left, at)))
        case "current" | "identity":
            return at
        case _:
            for child in node["children"]:
                at = _places(child, at)
            return at


def _held(at: list[_Place]) -> Iterator[Any]:
    for owner, key in at:
        yield owner[key]


def _members(node: dict[str, Any], left: dict[str, Any], at: list[_Place]) -> Iterator[_Place]:
    if node["type"] == "value_projection":
        yield from ((each, key) for each in _held(_places(left, at)) if isinstance(each, dict) for key in each)
    elif node["type"] == "projection":
        yield from _spread(left, at)
    else:
        yield from ((owner, n) for owner, n in _spread(left, at) if _passes(node, owner[n]))


def _spread(node: dict[str, Any], at: list[_Place]) -> Iterator[_Place]:
    """The members of the list that an expression yields; a slice, a flatten or a projection has come down to them."""
    places = _places(node, at)
    last = node
    while last["type"] == "index_expression":
        last = last["children"][-1]
    if last["type"] in {"slice", "flatten", "projection", "value_projection", "filter_projection"}:
        yield from places
    else:
        yield from ((each, n) for each in _held(places) if isinstance(each, list) for n in range(len(each)))


def _flattened(at: Iterator[_Place]) -> Iterator[_Place]:
    for owner, key in at:
        inner = owner[key]
        if isinstance(inner, list):
            yield from ((inner, n) for n in range(len(inner)))
        else:
            yield owner, key


def _passes(node: dict[str, Any], value: object) -> bool:
    if node["type"] != "filter_projection":
        return True
    from jmespath.visitor import TreeInterpreter

    try:
        found = TreeInterpreter().visit(node["children"][2], value)
    except Exception:  # noqa: BLE001 - what cannot be judged is redacted
        return True
    return found not in ("", [], {}, None, False)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
