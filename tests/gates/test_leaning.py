"""A step without proof is no licence to go on while the numbers speak against the candidate."""

from __future__ import annotations

import pytest

from mlship.gates.panel import Panel
from mlship.metrics.counters import LATENCY_EDGES, Tally
from mlship.metrics.look import Look
from mlship.plan.model import Alpha, Comparison
from mlship.plan.routing import Routing
from mlship.plan.step import Step
from mlship.plan.verdict import Outcome

GATE = Comparison(name="errors", metric="error_rate", margin=0.02)
ROUTING = Routing(segments=(("v2", 5000), ("v1", 5000)))
STEP = Step(stage="canary", strategy="canary", label="50 %", routing=ROUTING, gates=("errors",), requests=40)


def tally(requests: int, errors: int) -> Tally:
    return Tally(requests=requests, errors=errors, latency=(requests, *[0] * len(LATENCY_EDGES)))


@pytest.mark.parametrize(
    ("errors", "outcome"), [(0, Outcome.PASS), (2, Outcome.PASS), (6, Outcome.WAIT)], ids=["none", "a few", "many"]
)
def test_leaning_to_harm(errors: int, outcome: Outcome) -> None:
    """More errors than the margin allows hold the step, though they are too few to roll back for."""
    panel = Panel(gates={"errors": GATE}, alpha=Alpha(), live="v1", candidate="v2", sticky=True)
    panel.begin(STEP, 0.0)
    for number in (1, 2):
        tallies = {"v1": tally(50, 1), "v2": tally(50, errors // 2)}
        panel.absorb(Look(number=number, start=0.0, end=1.0, weights=ROUTING.weights, tallies=tallies))
    (verdict,) = (verdict for verdict in panel.verdicts(approved=False) if verdict.gate == "errors")
    assert verdict.outcome is outcome, verdict.reason
