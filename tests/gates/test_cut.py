"""Where latency is compared."""

from __future__ import annotations

import pytest

from mlship.gates.cut import choose_cuts, edge_at, percentile_of
from mlship.metrics.counters import LATENCY_EDGES, Tally
from tests.gates.made import latencies, tally


@pytest.mark.parametrize(
    ("metric", "percentile"),
    [("latency_p50", 0.5), ("latency_p95", 0.95), ("latency_p99.9", 0.999), ("error_rate", None)],
)
def test_percentile(metric: str, percentile: float | None) -> None:
    """The metric's name tells the percentile, or that it has none."""
    assert percentile_of(metric) == (None if percentile is None else pytest.approx(percentile))


@pytest.mark.parametrize(("maximum", "edge"), [(0.25, 0.3), (0.3, 0.3), (0.00001, 0.0005), (60.0, 60.0), (61.0, None)])
def test_edge_at_a_maximum(maximum: float, edge: float | None) -> None:
    """The edge never lies below the maximum, so nothing within it is counted as bad."""
    place = edge_at(maximum)
    assert (None if place is None else LATENCY_EDGES[place]) == edge


@pytest.mark.parametrize(("percentile", "proof"), [(0.75, 0.02), (0.95, 0.05), (0.99, 0.075)])
def test_cuts_follow_the_live_model(percentile: float, proof: float) -> None:
    """Up to six cuts lie across live's latency and one just beyond it; the proof is at the gate's own percentile."""
    cuts = choose_cuts(tally(10_000), percentile)
    edges = [LATENCY_EDGES[cut.edge] for cut in cuts.every if cut.edge is not None]
    assert len(edges) == len(cuts.every) <= 6
    assert edges == sorted(set(edges))
    assert edges[-1] == 0.1
    assert cuts.proof.edge is not None
    assert LATENCY_EDGES[cuts.proof.edge] == proof
    assert cuts.proof in cuts.every


@pytest.mark.parametrize(("seconds", "edge"), [(0.0001, 0.0005), (0.02, 0.02), (59.0, 60.0), (1000.0, 60.0)])
def test_one_bucket_for_all(seconds: float, edge: float) -> None:
    """Where all answers share a bucket, the one cut is the first edge above it."""
    cuts = choose_cuts(Tally(requests=500, latency=latencies(500, [(seconds, 1.0)])), 0.95)
    assert [LATENCY_EDGES[cut.edge or 0] for cut in cuts.every] == [edge]
    assert cuts.every == (cuts.proof,)
