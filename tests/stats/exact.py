"""Probabilities by exact enumeration, and the null expectation of one look."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Protocol, TypeVar


class Evidence(Protocol):
    @property
    def log_e(self) -> float: ...


Test = TypeVar("Test", bound=Evidence)
Law = Mapping[int, float]


def hypergeometric(marked: int, unmarked: int, drawn: int, odds: float = 1.0) -> Law:
    """Fisher's noncentral law in exact arithmetic."""
    support = range(max(0, drawn - unmarked), min(drawn, marked) + 1)
    ways = {k: math.comb(marked, k) * math.comb(unmarked, drawn - k) * Fraction(odds) ** k for k in support}
    total = sum(ways.values())
    return {k: float(way / total) for k, way in ways.items()}


def binomial(trials: int, probability: float) -> Law:
    """In exact arithmetic."""
    p = Fraction(probability)
    return {k: float(math.comb(trials, k) * p**k * (1 - p) ** (trials - k)) for k in range(trials + 1)}


def expected_factor(test: Test, law: Law, absorb: Callable[[Test, int], None]) -> float:
    """The expectation, under `law`, of what the next look multiplies the evidence by."""
    return sum(mass * math.exp(_after(test, count, absorb) - test.log_e) for count, mass in law.items() if mass > 1e-18)


def _after(test: Test, count: int, absorb: Callable[[Test, int], None]) -> float:
    tried = copy.deepcopy(test)
    absorb(tried, count)
    return tried.log_e
