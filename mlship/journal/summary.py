"""Many simulated rollouts in a few numbers."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import NormalDist

import msgspec

from mlship.journal.status import Status
from mlship.journal.trial import Trial
from mlship.plan.routing import WHOLE

BINS = 10
_USUAL = 0.98
"""Part of the rollouts over which the bins are evenly wide: one slow rollout must not squeeze all others together."""


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """How often something happened; the interval is for its probability, at 95 %."""

    count: int
    runs: int
    share: float
    low: float
    high: float


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """Quantiles over the rollouts."""

    p10: float
    median: float
    p90: float


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """All rollouts that ended in one way."""

    status: Status
    chance: Chance
    seconds: Range | None = None
    """To the decision."""
    tried: Range | None = None
    """Requests that a candidate answered."""
    bad: Range | None = None
    """Errors of those beyond what live would have made."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Rollouts that were decided in the same place."""

    status: Status
    stage: str
    step: str
    by: str
    count: int


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """Rollouts that ended from `start` until `end` seconds."""

    start: float
    end: float
    counts: Mapping[str, int]
    """By status."""


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What an A/B test said, and whether it was right."""

    measure: str
    truth: float
    estimate: Range
    covered: Chance | None
    """How often the interval held the truth."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What `mlship simulate` tells."""

    service: str
    live: str
    candidates: tuple[str, ...]
    """The candidate, or every challenger."""
    seed: int
    asked: int
    """Rollouts that were asked for."""
    runs: int
    """Rollouts that were simulated."""
    harmless: bool
    """In this world no gate has a reason against the candidate (of several: against one of them)."""
    endings: tuple[Ending, ...]
    false_alarms: Chance | None
    """A gate failed, and the candidate is harmless; None: it is not."""
    false_promotions: Chance
    """What was promoted does not deserve it."""
    seconds: Range
    requests: Range
    tried: Range
    bad: Range
    turned_away: Range
    decisions: tuple[Decision, ...]
    bins: tuple[Bin, ...]
    effects: Mapping[str, Effect] = msgspec.field(default_factory=dict)
    regret: Range | None = None
    weights: Mapping[str, Range] = msgspec.field(default_factory=dict)
    """Arm → its share of the traffic at the end of a bandit, 0..1."""
    unseen: tuple[str, ...] = ()
    """Gates that the world has no numbers for; they were left out."""


def chance(count: int, runs: int) -> Chance:
    """With the score interval of E. B. Wilson, JASA 22 (1927) 209-212, at 95 %."""
    z = NormalDist().inv_cdf(0.975)
    share = count / runs
    middle = (share + z * z / (2 * runs)) / (1 + z * z / runs)
    half = z / (1 + z * z / runs) * math.sqrt(share * (1 - share) / runs + z * z / (4 * runs * runs))
    # What has never happened may be impossible, whatever rounding says.
    low, high = (middle - half if count else 0.0), (middle + half if count < runs else 1.0)
    return Chance(count=count, runs=runs, share=share, low=low, high=high)


def range_of(values: Iterable[float]) -> Range:
    """Quantiles of at least one value: each is one of the values (nearest rank)."""
    ranked = sorted(values)
    p10, median, p90 = (ranked[max(0, math.ceil(part * len(ranked)) - 1)] for part in (0.1, 0.5, 0.9))
    return Range(p10=p10, median=median, p90=p90)


def endings(trials: Sequence[Trial]) -> tuple[Ending, ...]:
    """The ways in which rollouts ended; promotion, rollback and parking always, others where they happened."""
    always = (Status.PROMOTED, Status.ROLLED_BACK, Status.PARKED)
    rare = [status for status in Status if status not in always and any(trial.status is status for trial in trials)]
    return tuple(_ending(status, trials) for status in (*always, *rare))


def _ending(status: Status, trials: Sequence[Trial]) -> Ending:
    mine = [trial for trial in trials if trial.status is status]
    return Ending(
        status=status,
        chance=chance(len(mine), len(trials)),
        seconds=_range(mine, lambda trial: trial.seconds),
        tried=_range(mine, lambda trial: trial.tried),
        bad=_range(mine, lambda trial: trial.bad),
    )


def _range(trials: Sequence[Trial], figure: Callable[[Trial], float]) -> Range | None:
    return range_of(map(figure, trials)) if trials else None


def decisions(trials: Sequence[Trial]) -> tuple[Decision, ...]:
    """Where rollouts were decided, the most frequent place first."""
    places = Counter((trial.status, trial.stage, trial.step, trial.by) for trial in trials)
    return tuple(
        Decision(status=status, stage=stage, step=step, by=by, count=count)
        for (status, stage, step, by), count in places.most_common()
    )


def bins(trials: Sequence[Trial]) -> tuple[Bin, ...]:
    """Ten bins over the times to the decision, the last as long as the few slowest need; one where all are the same."""
    times = sorted(trial.seconds for trial in trials)
    low, usual, high = times[0], times[math.ceil(_USUAL * len(times)) - 1], times[-1]
    number = BINS if usual > low else 1
    edges = [*(low + place * (usual - low) / number for place in range(number)), high]
    counts: list[Counter[str]] = [Counter() for _ in range(number)]
    for trial in trials:
        counts[max(0, bisect_left(edges, trial.seconds, hi=number) - 1)][trial.status] += 1
    return tuple(
        Bin(start=start, end=end, counts=dict(count))
        for start, end, count in zip(edges, edges[1:], counts, strict=False)
    )


def effects(trials: Sequence[Trial], truths: Mapping[str, float]) -> Mapping[str, Effect]:
    """Per goal what the tests said last, beside the true gains."""
    found = {}
    for goal, truth in truths.items():
        said = [trial.estimates[goal] for trial in trials if goal in trial.estimates]
        bounds = [estimate.interval for estimate in said if estimate.interval]
        covered = sum(low <= truth <= high for low, high in bounds)
        if said:
            found[goal] = Effect(
                measure=said[0].measure,
                truth=truth,
                estimate=range_of(estimate.value for estimate in said),
                covered=chance(covered, len(bounds)) if bounds else None,
            )
    return found


def shares(trials: Sequence[Trial]) -> Mapping[str, Range]:
    """Arm → its part of the traffic at the end of a bandit."""
    raced = [trial.weights for trial in trials if trial.weights]
    arms = dict.fromkeys(arm for weights in raced for arm in weights)
    return {arm: range_of(weights.get(arm, 0) / WHOLE for weights in raced) for arm in arms}


def regrets(trials: Sequence[Trial]) -> Range | None:
    """What bandits lost."""
    lost = [trial.regret for trial in trials if trial.regret is not None]
    return range_of(lost) if lost else None
