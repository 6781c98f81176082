"""How many pairs of answers a gate needs at the least: for the preview, from the tests that judge them.

What is not known before the rollout is stated as an assumption beside the number. The gates of several challengers
share the error probability in equal parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from mlship.plan.answergates import Direction, Drift, Floor, Quality
from mlship.plan.model import Gate, Plan
from mlship.views import words
from mlship.views.risk import rivals

_WON, _LOST = 0.065, 0.035
"""The example: in 6.5 % of the requests the challenger alone is right, in 3.5 % the live model alone."""
_WITHOUT_TRUTH = frozenset({"agreement", "paired", "coverage"})
_MOST = 1_000_000
"""Pairs beyond which no number is named."""


def claim(gate: Gate) -> str:
    """What a gate over answers asks, in words; empty for all others."""
    match gate:
        case Quality(direction=Direction.BETTER_THAN, margin=margin):
            return f"{_metric(gate)} better than live{_by(gate, margin)}"
        case Quality(margin=margin):
            return f"{_metric(gate)} no worse than live{_by(gate, margin)}"
        case Floor(metric="agreement"):
            return f"agreement with live at least {words.percent(gate.minimum)}"
        case Floor():
            of = f" of {gate.positive}" if gate.positive else ""
            return f"{_metric(gate)}{of} at least {words.percent(gate.minimum)}"
        case Drift():
            return f"{gate.metric} of {gate.of} at most {words.number(gate.maximum)}"
        case _:
            return ""


def pairs(gate: Gate, plan: Plan) -> str:
    """As in "about 1 300 labelled pairs ..."; empty where there is no honest number."""
    alpha = plan.alpha.promote / rivals(plan)
    match gate:
        case Quality(metric="accuracy", direction=Direction.BETTER_THAN, margin=margin) if margin < _WON - _LOST:
            found = _fewest(lambda number: _gained(number, margin, alpha), gate.least, alpha)
            return _labelled(found, "if it alone is right in 6.5 % of them and live alone in 3.5 %")
        case Quality(metric="accuracy", direction=Direction.NO_WORSE_THAN, margin=margin) if margin > 0:
            found = _fewest(lambda number: _kept(number, margin, alpha), gate.least, alpha)
            return _labelled(found, "if it is wrong just where live is")
        case Floor(metric="agreement" | "accuracy", minimum=minimum):
            found = _fewest(lambda number: _always(number, minimum, alpha), gate.least, alpha)
            never = "disagrees" if gate.metric == "agreement" else "is wrong"
            return f"at least {words.count(found)} {_kind(gate)}, if it never {never}" if found else ""
        case Quality() | Floor() | Drift():
            return f"at least {words.count(gate.least)} {_kind(gate)}"
        case _:
            return ""


def _kind(gate: Quality | Floor | Drift) -> str:
    if isinstance(gate, Drift):
        return "values"
    return (
        "pairs" if isinstance(gate, Floor) and gate.metric in {"agreement", "paired", "coverage"} else "labelled pairs"
    )


def _metric(gate: Quality | Floor) -> str:
    where = "" if gate.segment is None else " in each segment" if gate.segment == "each" else f" for {gate.segment}"
    return f"{gate.metric.replace('_', ' ')}{where}"


def _by(gate: Quality, margin: float) -> str:
    if not margin:
        return ""
    told = f"{words.number(100 * margin)} points" if gate.metric == "accuracy" else words.number(margin)
    return f" by {'more than ' if gate.direction is Direction.NO_WORSE_THAN else ''}{told}"


def _fewest(evidence: Callable[[int], float], least: int, alpha: float) -> int:
    """The fewest pairs, to two digits, with which the evidence reaches 1/alpha; 0: more than `_MOST`."""
    limit, low, high = math.log(1 / alpha), 0, max(1, least)
    while evidence(high) < limit:
        low, high = high, 2 * high
        if high > _MOST:
            return 0
    while low and high - low > max(1, high // 100):
        middle = (low + high) // 2
        low, high = (low, middle) if evidence(middle) >= limit else (middle, high)
    scale: int = 10 ** max(0, math.floor(math.log10(high)) - 1)
    return math.ceil(high / scale) * scale


def _labelled(found: int, assumed: str) -> str:
    return f"about {words.count(found)} labelled pairs, {assumed}" if found else ""


def _gained(number: int, margin: float, alpha: float) -> float:
    from mlship.stats.paired import Outcomes, gain_test

    test = gain_test(least=margin, alpha=alpha)
    test.absorb(Outcomes(pairs=number, won=round(_WON * number), lost=round(_LOST * number)))
    return test.log_e


def _kept(number: int, margin: float, alpha: float) -> float:
    from mlship.stats.paired import Outcomes, gain_test

    test = gain_test(least=-margin, alpha=alpha)
    test.absorb(Outcomes(pairs=number))
    return test.log_e


def _always(number: int, minimum: float, alpha: float) -> float:
    from mlship.stats.ceiling import CeilingTest

    test = CeilingTest(ceiling=minimum, alpha=alpha)
    test.absorb(number, number)
    return test.log_e
