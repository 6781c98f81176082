"""Whole rollouts, tails and pairs, fed look by look to the judges of the product's own gates.

A rollout is a canary of 5, 25 and 50 % of 400 requests a look. Its error gate shares the default budget with a latency
gate that sees nothing, as in a plan without gates of its own. A step is left when its gate passes in it; evidence stays
from step to step.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rivals import ALPHA, Floats, radius
from table import Effort, Row, share_error

from mlship.gates.comparison import ComparisonJudge
from mlship.gates.judge import Budget
from mlship.gates.strata import Stratum
from mlship.metrics.counters import LATENCY_EDGES, Tally
from mlship.plan.model import Comparison
from mlship.plan.routing import all_to
from mlship.plan.step import Step
from mlship.plan.verdict import Outcome
from mlship.stats.paired import DiscordantTest, Outcomes
from mlship.stats.ratio import RatioTest
from mlship.strategies.pair import REQUESTS

LOOK = 400
JUDGES = 2
STEPS = (20, 100, 200)
"""The candidate's requests of a look, step by step."""
BASE, MARGIN = 0.02, 0.01
HISTORY = 5000
ALL_BUT = 1 - 1e-9
"""Boosted evidence stops at its limit, give or take a rounding."""

TIMED = 25
"""Timed answers of each model in a look."""

LABELS = 50
"""Labelled requests in a look."""

PATIENCE = 600
"""Looks until a rollout is given up."""


def rollouts(effort: Effort) -> list[Row]:
    """What becomes of an equal candidate, of one that is worse by the margin, and of one that errs twice as often."""
    runs = effort.runs(60, 600)
    equal = [rollout(rng, BASE) for rng in seeded(31, runs)]
    worse = [rollout(rng, BASE + MARGIN) for rng in seeded(37, runs)]
    twice = [rollout(rng, 2 * BASE) for rng in seeded(41, runs)]
    promoted = float(np.mean([good for good, _ in equal]))
    wrongly = float(np.mean([good for good, _ in worse]))
    spent = float(np.median([requests for _, requests in twice]))
    chance = effort.chance(share_error(ALPHA, runs))
    return [
        Row(
            name="rollout 5, 25, 50 %: equal, promoted",
            value=promoted,
            error=share_error(promoted, runs),
            target=0.97,
            at_least=True,
            allowed=chance,
        ),
        Row(
            name="  worse by the margin, promoted",
            value=wrongly,
            error=share_error(wrongly, runs),
            target=0.05,
            allowed=chance,
        ),
        Row(name="  errs twice as often, median requests of it", value=spent, target=500),
    ]


def seeded(seed: int, runs: int) -> Iterator[np.random.Generator]:
    """One source of chance per run."""
    return (np.random.default_rng((seed, run)) for run in range(runs))


def rollout(rng: np.random.Generator, rate: float) -> tuple[bool, int]:
    """(it was promoted, requests that the candidate got)."""
    judge = judge_of("error_rate", MARGIN, judges=JUDGES)
    judge.remember(errors(int(rng.binomial(HISTORY, BASE)), HISTORY))
    spent = looks = 0
    for place, mine in enumerate(STEPS):
        step = Step(
            stage="canary", strategy="canary", label="", routing=all_to("v2"), requests=REQUESTS,
            proof=place == len(STEPS) - 1,
        )  # fmt: skip
        judge.begin()
        outcome = Outcome.WAIT
        while outcome is not Outcome.PASS:
            live = LOOK - mine
            stratum = Stratum(
                candidate=errors(int(rng.binomial(mine, rate)), mine),
                live=errors(int(rng.binomial(live, BASE)), live),
                share=mine / LOOK,
                seconds=1.0,
            )
            judge.absorb(stratum)
            spent, looks = spent + mine, looks + 1
            if judge.e_value >= ALL_BUT * JUDGES / ALPHA or looks > PATIENCE:
                return False, spent
            outcome = judge.verdict(step).outcome
    return True, spent


def judge_of(metric: str, margin: float, judges: int = 1) -> ComparisonJudge:
    """One of so many gates that share the default budget."""
    gate = Comparison(name="gate", metric=metric, margin=margin)
    return ComparisonJudge(gate, budget=Budget(rollback=ALPHA, promote=ALPHA, judges=judges), sticky=False)


def errors(bad: int, every: int) -> Tally:
    """So many bad answers."""
    return Tally(requests=every, errors=bad)


def tails(effort: Effort) -> list[Row]:
    """Two of a hundred requests take 300 ms longer, where one slow answer more in a hundred would be no harm."""
    found = np.array([tail(rng) for rng in seeded(43, effort.runs(20, 200))])
    ours, means = np.median(found, axis=0)
    return [
        Row(
            name="2 % of requests + 300 ms, median requests of it until it is found",
            value=float(ours),
            target=600,
            peers={"asympt. CS": f"{means:.0f}"},
        )
    ]


def tail(rng: np.random.Generator) -> tuple[int, int]:
    """Requests of the candidate, which gets half, until it is found: by the latency gate, and by the mean log time."""
    slow, fast = (taken(rng, (PATIENCE, TIMED), hurt) for hurt in (0.02, 0.0))
    judge = judge_of("latency_p95", 0.01)
    judge.remember(timed(taken(rng, (HISTORY,), 0.0)))
    return _look_of_alarm(judge, slow, fast) * TIMED, _look_of_difference(np.log(slow), np.log(fast)) * TIMED


def taken(rng: np.random.Generator, shape: tuple[int, ...], hurt: float) -> Floats:
    """Seconds of answers around 50 ms, the part `hurt` of them 300 ms later."""
    late = np.where(rng.random(shape) < hurt, 0.3, 0.0)
    seconds: Floats = rng.lognormal(np.log(0.05), 0.5, shape) + late
    return seconds


def timed(seconds: Floats) -> Tally:
    """Answers that took so long."""
    buckets = np.bincount(np.searchsorted(LATENCY_EDGES, seconds), minlength=len(LATENCY_EDGES) + 1)
    return Tally(requests=len(seconds), latency=tuple(buckets.tolist()))


def _look_of_alarm(judge: ComparisonJudge, slow: Floats, fast: Floats) -> int:
    for look, (mine, others) in enumerate(zip(slow, fast, strict=True), start=1):
        judge.absorb(Stratum(candidate=timed(mine), live=timed(others), share=0.5, seconds=1.0))
        if judge.e_value >= ALL_BUT / ALPHA:
            return look
    return PATIENCE


def _look_of_difference(slow: Floats, fast: Floats) -> int:
    units = TIMED * np.arange(1.0, PATIENCE + 1)
    totals = [(np.cumsum(each.sum(axis=1)), np.cumsum((each**2).sum(axis=1))) for each in (slow, fast)]
    means = [total / units for total, _ in totals]
    spreads = [(squares / units - mean**2) / units for (_, squares), mean in zip(totals, means, strict=True)]
    beyond = means[0] - means[1] > radius(spreads[0] + spreads[1], 2.0 * units)
    return int(beyond.argmax()) + 1 if beyond.any() else PATIENCE


def pairs(effort: Effort) -> list[Row]:
    """A challenger is right on 90 % and live on 92 % of the requests; they differ in the verdict on 6 %."""
    found = [labelled(rng) for rng in seeded(47, effort.runs(30, 400))]
    paired, unpaired = np.median(np.array(found), axis=0)
    return [
        Row(name="labels needed, paired / unpaired, .92 → .90", value=float(paired / unpaired), target=0.4),
    ]


def labelled(rng: np.random.Generator) -> tuple[int, int]:
    """Requests with a label until the challenger is found worse: in pairs, and as if they were two samples."""
    return _paired(rng), _unpaired(rng)


def _paired(rng: np.random.Generator) -> int:
    test, count = DiscordantTest(alpha=ALPHA), 0
    while not test.fired:
        # The test is for the side that is right alone more often, which here is live.
        one, other, _ = rng.multinomial(LABELS, (0.04, 0.02, 0.94)).tolist()
        test.absorb(Outcomes(pairs=LABELS, lost=other, won=one))
        count += LABELS
    return count


def _unpaired(rng: np.random.Generator) -> int:
    test, count = RatioTest(alpha=ALPHA), 0
    while not test.fired:
        wrong, live_wrong = (int(rng.binomial(LABELS, part)) for part in (0.10, 0.08))
        test.absorb(candidate=(wrong, LABELS), live=(live_wrong, LABELS))
        count += LABELS
    return count
