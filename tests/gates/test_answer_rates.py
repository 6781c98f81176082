"""The promise for gates over answers: a challenger at every limit is hardly ever accused, or believed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from msgspec.structs import replace

from mlship.gates.panel import Panel
from mlship.metrics.answers import Answers, Pairs
from mlship.plan.answergates import Floor
from mlship.plan.verdict import Outcome
from tests.gates.answered import BETTER, heard, mirrored
from tests.gates.made import panel

ALPHA, RUNS, LOOKS, SIZE = 0.05, 120, 30, 300
REGIONS = (("eu", 0.6), ("us", 0.3), ("ap", 0.1))
EVERYWHERE = replace(BETTER, name="everywhere", segment="region")
AGREES = Floor(name="agrees", metric="agreement", minimum=0.94)
GATES = (BETTER, EVERYWHERE, AGREES)


def drawn(rng: np.random.Generator, size: int, *, lost: float, won: float) -> Pairs:
    """Labelled pairs; where one alone is right the predictions differ, and only there."""
    live, challenger, same = rng.multinomial(size, [lost, won, 1 - lost - won]).tolist()
    return Pairs(pairs=size, agreed=same, labelled=size, right=(live, challenger))


def together(parts: list[Pairs]) -> Pairs:
    counts = [(each.pairs, each.agreed, each.labelled, *each.right) for each in parts]
    pairs, agreed, labelled, lost, won = (sum(column) for column in zip(*counts, strict=True))
    return Pairs(pairs=pairs, agreed=agreed, labelled=labelled, right=(lost, won))


def shadow(rng: np.random.Generator, *, lost: float, won: float) -> Panel:
    gates = panel(*GATES)
    gates.begin(mirrored(*(gate.name for gate in GATES)), 0.0)
    for number in range(1, LOOKS + 1):
        segments = {f"region={name}": drawn(rng, int(SIZE * part), lost=lost, won=won) for name, part in REGIONS}
        total = together(list(segments.values()))
        gates.absorb(heard(number, answers={"v2": Answers(total=total, segments=segments)}))
    return gates


def outcomes(gates: Panel) -> dict[str, Outcome]:
    return {verdict.gate: verdict.outcome for verdict in gates.verdicts(approved=False)}


def test_three_gates_at_once() -> None:
    """As good as live, as often of one mind as it must be: accused, and believed, by each gate, at most at alpha."""
    rng = np.random.default_rng(91)
    ends = [outcomes(shadow(rng, lost=0.03, won=0.03)) for _ in range(RUNS)]
    most = ALPHA + 2 * math.sqrt(ALPHA * (1 - ALPHA) / RUNS)
    assert sum(Outcome.FAIL in end.values() for end in ends) / RUNS <= most
    for gate in GATES:
        assert sum(end[gate.name] is Outcome.PASS for end in ends) / RUNS <= most


@pytest.mark.parametrize(
    ("lost", "won", "gate", "outcome"),
    [
        (0.01, 0.04, "everywhere", Outcome.PASS),
        (0.01, 0.04, "agrees", Outcome.PASS),
        (0.04, 0.01, "better", Outcome.FAIL),
        (0.05, 0.05, "agrees", Outcome.FAIL),
    ],
)
def test_what_is_there_is_found(lost: float, won: float, gate: str, outcome: Outcome) -> None:
    """The shared budget leaves enough to see differences of a few points in most runs."""
    rng = np.random.default_rng(92)
    ends = [outcomes(shadow(rng, lost=lost, won=won)) for _ in range(10)]
    found = [end[gate] is outcome or (outcome is Outcome.FAIL and Outcome.FAIL in end.values()) for end in ends]
    assert sum(found) >= 9
