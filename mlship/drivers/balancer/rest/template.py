"""Requests out of templates: what stands in `{{ }}` is JMESPath over what is known of the split."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from mlship.errors import UsageError
from mlship.plan.balancer.placeholders import PLACEHOLDER
from mlship.predictions.expressions import value_of

Context = Mapping[str, Any]


def filled(template: Any, context: Context) -> Any:  # noqa: ANN401 - JSON
    """The tree with its placeholders filled; a text that is nothing but one keeps the type of what it finds.

    Raises:
        UsageError: a placeholder finds nothing.
    """
    match template:
        case dict():
            return {text_of(key, context): filled(value, context) for key, value in template.items()}
        case list():
            return [filled(value, context) for value in template]
        case str():
            first = PLACEHOLDER.match(template)
            alone = first is not None and first.end() == len(template)
            return _found(first[1], context) if first and alone else text_of(template, context)
        case _:
            return template


def text_of(template: str, context: Context, *, protect: Callable[[str], str] = str) -> str:
    """The text with its placeholders filled; `protect` is for what they find."""
    return PLACEHOLDER.sub(lambda match: protect(_text(_found(match[1], context))), template)


def path_of(template: str, context: Context) -> str:
    """As `text_of`, with what the placeholders find quoted: it cannot leave its place in the path."""
    return text_of(template, context, protect=lambda text: quote(text, safe=""))


def pattern_of(template: str, context: Context) -> re.Pattern[str]:
    """As `text_of`, for a regular expression that reads over lines."""
    return re.compile(text_of(template, context, protect=re.escape), re.DOTALL)


def _found(expression: str, context: Context) -> Any:  # noqa: ANN401 - JSON
    value = value_of(expression, context)
    if value is None:
        known = ", ".join(sorted(context))
        raise UsageError(f"{{{{{expression}}}}} finds nothing", hint=f"a template may use {known}")
    return value


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value)
