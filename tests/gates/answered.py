"""Answers, mirrored steps and looks with them, with standard values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mlship.metrics.answers import Answers, Cell, Histogram, Pairs, Scores
from mlship.metrics.look import Look
from mlship.plan.answergates import Direction, Drift, Floor, Quality
from mlship.plan.routing import WHOLE, Mirror, Routing
from mlship.plan.step import Step
from tests.gates.made import look

BETTER = Quality(name="better", metric="accuracy", direction=Direction.BETTER_THAN)
NO_WORSE = Quality(name="no-worse", metric="accuracy", direction=Direction.NO_WORSE_THAN, margin=0.02)
LOG_LOSS = Quality(name="log-loss", metric="log_loss", direction=Direction.BETTER_THAN)
AGREES = Floor(name="agrees", metric="agreement", minimum=0.95)
STABLE = Drift(name="stable", metric="psi", of="score", maximum=0.1)
EDGES = (0.25, 0.5, 0.75)


def mirrored(*gates: str, share: int = WHOLE, models: tuple[str, ...] = ("v2",), **changes: Any) -> Step:
    """A shadow step judged by these gates: v1 serves, the others get copies."""
    mirrors = tuple(Mirror(model=model, share=share) for model in models)
    standard: dict[str, Any] = {"stage": "shadow", "strategy": "shadow", "label": "copies", "requests": 100}
    return Step(routing=Routing(segments=(("v1", WHOLE),), mirrors=mirrors), gates=gates, **standard | changes)


def labelled(pairs: int, lost: int = 0, won: int = 0, **more: Any) -> Pairs:
    """Pairs that all have their truth."""
    return Pairs(pairs=pairs, agreed=pairs - lost - won, labelled=pairs, right=(lost, won), **more)


def cells(**counts: int) -> Pairs:
    """`tp`, `fp`, `fn` and `tn` of the challenger; live is always right."""
    kinds = {"tp": ("1", "1"), "fp": ("0", "1"), "fn": ("1", "0"), "tn": ("0", "0")}
    made = tuple(
        Cell(truth=truth, live=truth, challenger=predicted, count=counts[kind])
        for kind, (truth, predicted) in kinds.items()
        if kind in counts
    )
    every, wrong = sum(counts.values()), counts.get("fp", 0) + counts.get("fn", 0)
    return Pairs(pairs=every, agreed=every - wrong, labelled=every, right=(wrong, 0), cells=made)


def scored(name: str, differences: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Pairs:
    """Pairs with a score; live's is 1."""
    count = len(differences)
    total, square = float(differences.sum()), float((differences**2).sum())
    scores = Scores(count=count, live=count, challenger=count + total, difference=total, square=square)
    return Pairs(pairs=count, agreed=count, labelled=count, scores={name: scores})


def binned(live: tuple[int, ...], challenger: tuple[int, ...], edges: tuple[float, ...] = EDGES) -> Pairs:
    """Values of `score` in bins."""
    counts = Histogram(edges=edges, live=live, challenger=challenger)
    return Pairs(pairs=sum(live), agreed=sum(live), histograms={"score": counts})


def heard(number: int, total: Pairs | None = None, **changes: Any) -> Look:
    """A look at a step that mirrors: v1 serves everything, v2 has answered `total`."""
    segments: Mapping[str, Pairs] = changes.pop("segments", {})
    answers = {"v2": Answers(total=total or Pairs(), segments=segments)} if total or segments else {}
    return look(number, weight=0, **{"answers": answers} | changes)
