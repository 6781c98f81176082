"""A split in words, as messages show it."""

from __future__ import annotations

from mlship.plan.routing import Routing


def said(routing: Routing | None, raw: str | None = None) -> str:
    """As in: v2 10%, v1 90%, copies to v3 5%. Of a value that means nothing to mlship the text itself."""
    if routing is None:
        return f"{raw!r}" if raw else "no split"
    if routing.closed:
        return "closed"
    shares = [f"{model} {width / 100:g}%" for model, width in routing.weights.items()]
    copies = [f"copies to {mirror.model} {mirror.share / 100:g}%" for mirror in routing.mirrors]
    return ", ".join(shares + copies)
