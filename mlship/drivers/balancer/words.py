"""A split in words, as messages show it."""

from __future__ import annotations

from mlship.plan.routing import Routing


def said(routing: Routing | None, raw: str | None = None) -> str:
    """As in: v2 10%, v1 90%. Of a value that means nothing to mlship the text itself."""
    if routing is None:
        return f"{raw!r}" if raw else "no split"
    if routing.closed:
        return "closed"
    return ", ".join(f"{model} {width / 100:g}%" for model, width in routing.weights.items())
