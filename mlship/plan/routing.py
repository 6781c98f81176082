"""Where requests go: the value that strategies compile, drivers carry out and the journal records."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

WHOLE = 10_000
"""Basis points in 100 %."""


class HeaderMatch(msgspec.Struct, frozen=True, kw_only=True):
    """Requests whose `header` equals `value` go to `model`, whatever the weights say."""

    header: str
    value: str
    model: str


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of the traffic in basis points, laid out as consecutive segments of 0..10 000.

    A unit (user, session) keeps one point of that range for the whole rollout, so growing a model's segment in place
    moves units into it and never out of it. A model may own several segments.

    Raises:
        ValueError: the segments do not sum to 10 000, or one is not positive.
    """

    segments: tuple[tuple[str, int], ...]
    matches: tuple[HeaderMatch, ...] = ()
    assign_by: str | None = None
    """Name of the request header whose value is the unit of assignment; None: each request is drawn anew."""
    salt: str = ""
    closed: bool = False
    """The router answers 503 with Retry-After by itself: the announced downtime of `recreate`."""

    def __post_init__(self) -> None:
        if any(width <= 0 for _, width in self.segments):
            raise ValueError(f"every segment must be positive: {self.segments}")
        if sum(width for _, width in self.segments) != WHOLE:
            raise ValueError(f"segments must sum to {WHOLE} basis points: {self.segments}")

    @property
    def weights(self) -> Mapping[str, int]:
        """Basis points per model; a model without traffic is absent."""
        weights: dict[str, int] = {}
        for model, width in self.segments:
            weights[model] = weights.get(model, 0) + width
        return MappingProxyType(weights)

    def share(self, model: str) -> float:
        """The part of the traffic that `model` is asked to serve, 0..1."""
        return self.weights.get(model, 0) / WHOLE

    @property
    def models(self) -> frozenset[str]:
        """Every model that can receive a request under this routing."""
        return frozenset(self.weights) | {match.model for match in self.matches}


def all_to(model: str, *, closed: bool = False) -> Routing:
    """Everything to one model."""
    return Routing(segments=((model, WHOLE),), closed=closed)
