"""Placeholders of request templates: `{{ JMESPath }}` in a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

PLACEHOLDER = re.compile(r"\{\{\s*(.+?)\s*\}\}(?!\})")
"""An expression may itself end in a brace."""

EVERYWHERE = ("vars", "node", "captured")
OF_A_SPLIT = ("weight", "models", "servers", "token")
OF_ONE = "each"


def expressions(template: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Those of a text, or of every text in a tree."""
    match template:
        case str():
            yield from PLACEHOLDER.findall(template)
        case dict():
            for key, value in template.items():
                yield from expressions(key)
                yield from expressions(value)
        case list():
            for value in template:
                yield from expressions(value)


def complaint(expression: str) -> str:
    """Why it is no JMESPath; empty: it is."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(expression)
    except JMESPathError as error:
        column = re.search(r"column (\d+)", str(error))
        return f"error at column {int(column[1]) + 1}" if column else "it ends too early"
    return ""


def starts(expression: str) -> frozenset[str]:
    """Names at the root of the context that a sound expression looks at; filters and projections are not followed."""
    import jmespath

    found: set[str] = set()
    pending = [jmespath.compile(expression).parsed]
    while pending:
        node = pending.pop()
        match node["type"]:
            case "field":
                found.add(node["value"])
            case "function_expression" | "multi_select_list" | "or_expression" | "and_expression":
                pending += node["children"]
            case "literal" | "multi_select_dict" | "current":
                pass
            case _:
                pending += node["children"][:1]
    return frozenset(found)
