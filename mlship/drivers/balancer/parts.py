"""What of a routing every make of balancer says in its own way."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from mlship.plan.routing import Routing
from mlship.plan.rule import drawn_alone


def parts_of(routing: Routing) -> Sequence[tuple[str, int]]:
    """(model, basis points) in order: the segments, neighbours of the same model as one, or a flag's percentage.

    Where no user has a place in the order, one part for each model is enough.
    """
    if not by_user(routing):
        return list(routing.weights.items())
    segments = tuple(routing.asked.items()) if drawn_alone(routing.rules) is not None else routing.segments
    parts: list[tuple[str, int]] = []
    for model, width in segments:
        if parts and parts[-1][0] == model:
            parts[-1] = (model, parts[-1][1] + width)
        else:
            parts.append((model, width))
    return parts


def by_user(routing: Routing) -> bool:
    """Each user has a place; else each request is drawn anew."""
    # A share that a rule asks for is one of users, who have a cookie where they have no header.
    return routing.assign_by is not None or drawn_alone(routing.rules) is not None


def short_salt(routing: Routing) -> str:
    """Eight letters for a salt of any kind."""
    return hashlib.sha256(routing.salt.encode()).hexdigest()[:8]
