"""Is the traffic split as asked?"""

from __future__ import annotations

from typing import Any

import pytest

from mlship.gates.sample_ratio import GATE
from mlship.plan.verdict import Outcome
from tests.gates.made import ERRORS, begun, look, said, step, tally


@pytest.mark.parametrize(
    ("candidate", "sticky", "outcome"),
    [
        (5, False, Outcome.PASS),
        (20, False, Outcome.BLIND),
        (0, False, Outcome.BLIND),
        (8, True, Outcome.PASS),
        (40, True, Outcome.BLIND),
    ],
)
def test_skew_is_blind(candidate: int, sticky: bool, outcome: Outcome) -> None:  # noqa: FBT001 - a table
    """Shares as asked pass, others are blind and never a fail; split by user, a share may be half or double."""
    gates = begun(ERRORS, sticky=sticky, weight=500)
    for number in range(1, 31):
        gates.absorb(look(number, tally(candidate), tally(100 - candidate), weight=500))
    verdict = said(gates, GATE)
    assert verdict.outcome is outcome
    assert verdict.reason.endswith(f"{candidate} % of 3 000 requests, 5 % asked")
    assert verdict.evidence is not None
    assert verdict.evidence.limit == 1000


def test_a_skew_is_not_forgotten() -> None:
    """A step later the split is still not to be trusted."""
    gates = begun(ERRORS, weight=500)
    gates.absorb(look(1, tally(300), tally(300), weight=500))
    gates.begin(step("errors"), 10.0)
    assert said(gates, GATE).outcome is Outcome.BLIND
    gates.absorb(look(2, tally(300), tally(300)))
    assert said(gates, GATE).outcome is Outcome.BLIND


def test_settling_looks_do_not_count() -> None:
    """Requests that were drawn under the routing before say nothing about this one."""
    gates = begun(ERRORS, weight=500)
    gates.absorb(look(1, tally(500), tally(500), weight=500, settling=True))
    assert said(gates, GATE).outcome is Outcome.WAIT
    assert said(gates, GATE).reason == "counted from the next look on: requests of this one may be older than the split"
    gates.absorb(look(2, tally(0), tally(0), weight=500))
    assert said(gates, GATE).reason == "no requests counted in this step yet"
    gates.begin(step("errors", weight=500), 10.0)
    assert said(gates, GATE).reason == "no requests counted in this step yet"


@pytest.mark.parametrize("changes", [{"weight": 10_000}, {"match": True}])
def test_only_where_traffic_is_split_by_weight(changes: dict[str, Any]) -> None:
    """There is no such verdict at 100 %, nor where a header brings in requests beyond the weights."""
    gates = begun(ERRORS)
    gates.begin(step("errors", **changes), 0.0)
    gates.absorb(look(1, tally(90), tally(10)))
    assert GATE not in {verdict.gate for verdict in gates.verdicts(approved=False)}
