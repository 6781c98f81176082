"""Shares as consecutive segments of 0..10 000, and how they change with as few units moved as the shares demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

Segments = tuple[tuple[str, int], ...]
"""Model and width in basis points, in order."""

MOST = 64
"""Segments beyond which they are laid out anew: a router's table stays small, at the price of moving units once."""


def moved(before: Segments, weights: Mapping[str, int], *, live: str) -> Segments:
    """The segments with the weights asked (basis points, same sum), `live` at the end.

    Only as many units change their model as the weights demand: what a model loses is cut from the fronts of its
    segments and goes to those that gain. A model that gains keeps every unit it has. Only where `live` comes back from
    nothing, or segments have become too many, are all laid out anew.
    """
    after = _merged(_handed_over(before, weights))
    misplaced = bool(weights.get(live)) and after[-1][0] != live
    if len(after) > MOST or misplaced:
        return laid_out(weights, live=live)
    return after


def laid_out(weights: Mapping[str, int], *, live: str) -> Segments:
    """One segment each, in the order of the weights, `live` at the end."""
    others = tuple((model, width) for model, width in weights.items() if width and model != live)
    return (*others, (live, weights[live])) if weights.get(live) else others


def _handed_over(before: Segments, weights: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    had = _totals(before)
    surplus = {model: max(0, width - weights.get(model, 0)) for model, width in had.items()}
    wanting = {model: width - had.get(model, 0) for model, width in weights.items() if width > had.get(model, 0)}
    for model, width in before:
        given = min(width, surplus[model])
        surplus[model] -= given
        yield from _shared_out(given, wanting)
        if width > given:
            yield model, width - given


def _shared_out(width: int, wanting: dict[str, int]) -> Iterator[tuple[str, int]]:
    for model, lack in wanting.items():
        part = min(width, lack)
        if part:
            yield model, part
        wanting[model] -= part
        width -= part


def _totals(segments: Segments) -> dict[str, int]:
    totals: dict[str, int] = {}
    for model, width in segments:
        totals[model] = totals.get(model, 0) + width
    return totals


def _merged(segments: Iterator[tuple[str, int]]) -> Segments:
    return tuple((model, sum(width for _, width in run)) for model, run in groupby(segments, key=lambda each: each[0]))
