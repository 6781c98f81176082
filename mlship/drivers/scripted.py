"""The arithmetic of the made-up world: whole requests, latencies, and who is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlship.metrics.answers import Pairs
from mlship.metrics.counters import LATENCY_EDGES, Tally
from mlship.metrics.rewards import Reward, Rewards
from mlship.plan.outcome import Kind
from mlship.plan.routing import WHOLE

Course = Sequence[tuple[float, Mapping[str, int]]]
"""When the traffic was divided anew, and by which weights (basis points), oldest first."""


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


def tally(counter: Mapping[str, Any]) -> Tally:
    """A counter of the world's file."""
    latency = tuple(counter["latency"].get(str(place), 0) for place in range(len(LATENCY_EDGES) + 1))
    return Tally(requests=counter["requests"], errors=counter["errors"], latency=latency)


def bucket(seconds: float) -> int:
    """The latency bucket that an answer after `seconds` falls into."""
    return next((place for place, edge in enumerate(LATENCY_EDGES) if seconds <= edge), len(LATENCY_EDGES))


def cohort(
    kind: Kind,
    course: Course,
    span: tuple[float, float, float],
    scripts: Mapping[str, tuple[float, float]],
    *,
    rate: float,
) -> Rewards:
    """Outcomes of the users of a span of time; arm → scripted conversion and value, `rate` of all arms per second.

    The span is (start, end, now): who came after its end is pending.
    """
    start, end, _ = span
    users = {arm: [int(_until(course, arm, moment, rate) + 1e-9) for moment in span] for arm in scripts}
    arms = {arm: _rewarded(kind, script, users[arm]) for arm, script in scripts.items()}
    pending = {arm: now - counted for arm, (_, counted, now) in users.items()}
    return Rewards(start=start, end=end, arms=arms, pending=pending)


def _rewarded(kind: Kind, script: tuple[float, float], users: Sequence[int]) -> Reward:
    conversion, value = script
    before, after, _ = users
    units = after - before
    if kind is Kind.RATE:
        had = int(after * conversion + 1e-9) - int(before * conversion + 1e-9)
        return Reward(units=units, sum=had, square=had, reported=had)
    return Reward(units=units, sum=units * value, square=units * (value * value + 1), reported=units)


def _until(course: Course, arm: str, moment: float, rate: float) -> float:
    total = 0.0
    ends = [at for at, _ in course[1:]] + [moment]
    for (start, weights), end in zip(course, ends, strict=False):
        total += max(0.0, min(end, moment) - start) * rate * weights.get(arm, 0) / WHOLE
    return total
