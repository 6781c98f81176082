"""Where requests go: the value that strategies compile, drivers carry out and the journal records."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from mlship.plan.rule import WHOLE, Rule, drawn_alone
from mlship.plan.shift import Shift

__all__ = ["WHOLE", "Capture", "Mirror", "Routing", "all_to"]


class Mirror(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of `share` basis points of the live model's requests to `model`, whose answers no user sees."""

    model: str
    share: int
    """Basis points."""


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """Which answers are kept. A request is sampled by its id: live and mirrored copies share one fate."""

    sample: int = WHOLE
    """Basis points of the requests."""
    limit: int = 64 * 1024
    """Bytes of a body that are kept."""
    request: bool = False
    """Keep the request's body too."""
    headers: tuple[str, ...] = ()
    """Request headers that are kept; all others are not."""


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of the traffic in basis points, laid out as consecutive segments of 0..10 000.

    A unit (user, session) keeps one point of that range for the whole rollout, so growing a model's segment in place
    moves units into it and never out of it. A model may own several segments.

    Raises:
        ValueError: the segments do not sum to 10 000, or one is not positive.
    """

    segments: tuple[tuple[str, int], ...]
    rules: tuple[Rule, ...] = ()
    """The first that matches a request decides; where none does, the segments do."""
    mirrors: tuple[Mirror, ...] = ()
    """Models that get copies of the live model's requests."""
    capture: Capture | None = None
    """Which answers are kept; None: none are."""
    assign_by: str | None = None
    """Name of the request header whose value is the unit of assignment; None: each request is drawn anew."""
    salt: str = ""
    closed: bool = False
    """The router answers 503 with Retry-After by itself: the announced downtime of `recreate`."""
    shift: Shift | msgspec.UnsetType = msgspec.UNSET
    """How the backend moves the traffic there by itself; absent: at once, when it is told to."""

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

    @property
    def asked(self) -> Mapping[str, int]:
        """Basis points per model as chance draws them: the weights, or the share of a rule that asks for no more."""
        share = drawn_alone(self.rules)
        if share is None or len(self.weights) > 1:
            return self.weights
        parts = ((self.rules[0].model, share), (self.segments[-1][0], WHOLE - share))
        return MappingProxyType({model: width for model, width in parts if width})

    @property
    def picked(self) -> frozenset[str]:
        """Models that requests reach only by rules; how many match, nobody knows."""
        return frozenset(rule.model for rule in self.rules) - self.asked.keys()

    @property
    def reached(self) -> Routing:
        """The routing once it is there: the way to it is over then."""
        return msgspec.structs.replace(self, shift=msgspec.UNSET) if self.shift else self

    def share(self, model: str) -> float:
        """The part of the traffic that `model` is asked to serve, 0..1."""
        return self.weights.get(model, 0) / WHOLE

    @property
    def models(self) -> frozenset[str]:
        """Every model that can receive a request, or a copy of one, under this routing."""
        return frozenset(self.weights) | {rule.model for rule in self.rules} | {mirror.model for mirror in self.mirrors}


def all_to(model: str, *, closed: bool = False) -> Routing:
    """Everything to one model."""
    return Routing(segments=((model, WHOLE),), closed=closed)
