"""What a look says of the answers that live and a challenger gave to the same requests: sums, never single answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import msgspec


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """Labelled pairs with the same truth and the same two predictions."""

    truth: str
    """What turned out to be right."""
    live: str
    """What the live model predicted."""
    challenger: str
    """What the challenger predicted."""
    count: int
    """Pairs like that."""


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of a numeric score over the pairs that have it on both sides."""

    count: int = 0
    """Pairs that have the score on both sides."""
    live: float = 0.0
    """Sum over the live model's answers."""
    challenger: float = 0.0
    """Sum over the challenger's answers."""
    difference: float = 0.0
    """Sum of challenger - live."""
    square: float = 0.0
    """Sum of (challenger - live)²."""


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """How often a value fell into each bin. Bins lie between `edges`, with an open one on either side."""

    edges: tuple[float, ...]
    """Ascending."""
    live: tuple[int, ...]
    """Per bin, one more than there are edges."""
    challenger: tuple[int, ...]
    """Per bin, one more than there are edges."""


class Pairs(msgspec.Struct, frozen=True, kw_only=True):
    """What is new since the look before, of one challenger. A label that arrives late counts when it arrives."""

    pairs: int = 0
    """Sampled requests that both answered in a form that could be read."""
    agreed: int = 0
    """Those of the pairs with the same prediction."""
    unpaired: int = 0
    """Sampled answers of the live model without one of the challenger: dropped, failed or unreadable."""
    labelled: int = 0
    """Pairs whose truth arrived."""
    right: tuple[int, int] = (0, 0)
    """Of the labelled pairs: only the live model was right, only the challenger was."""
    cells: tuple[Cell, ...] = ()
    """The labelled pairs by truth and predictions; empty where there are too many different ones."""
    scores: Mapping[str, Scores] = msgspec.field(default_factory=dict)
    """absolute_error, squared_error, log_loss and the plan's own scores, by name."""
    histograms: Mapping[str, Histogram] = msgspec.field(default_factory=dict)
    """By name of the value that is watched for drift."""


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """All pairs of one challenger, and those of each segment."""

    total: Pairs = Pairs()
    """All of them."""
    segments: Mapping[str, Pairs] = msgspec.field(default_factory=dict)
    """By "NAME=VALUE" of the plan's segments."""


@runtime_checkable
class AnswerSource(Protocol):
    """Where answers come from.

    A crash between a look and the journal's record of it neither loses pairs nor counts them twice: what was looked at
    is new until it is settled.
    """

    def look(self, live: str, mirrors: Mapping[str, int], since: float) -> tuple[Mapping[str, Answers], str]:
        """What is new since the mark that was settled last, per challenger, and the mark to settle it with.

        Args:
            live: whose requests were copied.
            mirrors: challenger → basis points of the live requests that it gets copies of.
            since: when the comparison began, in seconds since the epoch; older answers do not count.

        Raises:
            OutOfReach: it cannot be read now.
        """
        ...

    def settle(self, mark: str) -> None:
        """The journal holds what was looked at. Settling a mark twice changes nothing."""
        ...
