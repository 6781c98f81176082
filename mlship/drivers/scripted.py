"""The arithmetic of the made-up world: whole requests, latencies, and who is right."""

from __future__ import annotations

from mlship.metrics.answers import Pairs
from mlship.metrics.counters import LATENCY_EDGES


def pairs_of(kept: float, *, labels: float, accuracies: tuple[float, float]) -> Pairs:
    """All pairs after `kept` kept copies, of which the share `labels` has a truth.

    `accuracies` of the live model and the challenger, who are right independently of each other, between two classes.
    """
    ours, theirs = accuracies
    labelled = kept * labels
    alike = ours * theirs + (1 - ours) * (1 - theirs)
    return Pairs(
        pairs=int(kept),
        agreed=int(kept * alike),
        labelled=int(labelled),
        right=(int(labelled * ours * (1 - theirs)), int(labelled * theirs * (1 - ours))),
    )


def pairs_between(before: Pairs, after: Pairs) -> Pairs:
    """The pairs that came since `before`."""
    return Pairs(
        pairs=after.pairs - before.pairs,
        agreed=after.agreed - before.agreed,
        labelled=after.labelled - before.labelled,
        right=(after.right[0] - before.right[0], after.right[1] - before.right[1]),
    )


def whole(owed: dict[str, float], key: str, amount: float) -> int:
    """The whole part of what is due under `key`; the rest is owed to the next time."""
    due = owed.get(key, 0.0) + amount
    whole = int(due + 1e-9)
    owed[key] = due - whole
    return whole


def bucket(seconds: float) -> int:
    """The latency bucket that an answer after `seconds` falls into."""
    return next((place for place, edge in enumerate(LATENCY_EDGES) if seconds <= edge), len(LATENCY_EDGES))
