"""Counts of two models, fed to the tests that gates are made of, and to other tools' rules: alarms, delays.

The layer is `RatioTest` and `MarginTest` (`mlship.stats`), one `absorb` a look: what each gate does with its counts.
The matrices are drawn whole before anything is judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
from rivals import ALPHA, NEVER, Counts, Floats, Streams, alarms, proofs
from table import Effort, Row, share_error

from mlship.stats.margin import MarginTest
from mlship.stats.ratio import RatioTest

LOOKS = 200
EVEN, TWENTIETH = (200, 200), (20, 380)
RATES = (0.005, 0.02, 0.1)
HARM = (
    (0.005, 0.01), (0.005, 0.015), (0.005, 0.025), (0.02, 0.03), (0.02, 0.04), (0.02, 0.1), (0.1, 0.12), (0.1, 0.15),
    (0.1, 0.2),
)  # fmt: skip
"""(live's rate, the candidate's)."""
MARGINS = ((0.005, 0.005), (0.02, 0.01), (0.1, 0.02))
"""(rate, margin)."""
PROVING = 150
"""Looks in which a proof may come."""

Sizes = tuple[int, int]


def drawn(seed: int, runs: int, rates: tuple[Floats, Floats], sizes: tuple[Counts, Counts]) -> Streams:
    """The candidate's counts, then live's; rates and sizes look by look."""
    rng = np.random.default_rng(seed)
    shape = (runs, len(sizes[0]))
    bad, live_bad = (rng.binomial(size, rate, shape) for size, rate in zip(sizes, rates, strict=True))
    return Streams(bad=bad, live_bad=live_bad, every=sizes[0], live_every=sizes[1])


def steady(seed: int, shape: tuple[int, int], rates: tuple[float, float], sizes: Sizes) -> Streams:
    """The same rates and sizes at every look; `shape` is (runs, looks), the candidate is first."""
    runs, looks = shape
    candidate, live = (np.full(looks, rate) for rate in rates)
    return drawn(seed, runs, (candidate, live), (np.full(looks, sizes[0]), np.full(looks, sizes[1])))


def false_rollbacks(effort: Effort) -> list[Row]:
    """A harmless candidate, looked at 200 times: six cells, and two in which everything moves."""
    runs, moving = effort.runs(80, 2000), effort.runs(80, 10_000)
    cells = [steady(17, (runs, LOOKS), (rate, rate), sizes) for rate, sizes in product(RATES, (EVEN, TWENTIETH))]
    drift = np.linspace(0.01, 0.04, 210)
    incident = np.where((np.arange(210) >= 170) & (np.arange(210) < 180), 0.1, 0.02)
    return [
        _alarm_row("false rollback, 200 looks, worst of 6 cells", cells, effort),
        _alarm_row("  weights 5, 25, 50 %, both rates 1 → 4 %", [_ramp(18, moving, drift)], effort),
        _alarm_row("  weights 5, 25, 50 %, incident x5 hits both", [_ramp(19, moving, incident)], effort),
    ]


def _ramp(seed: int, runs: int, rate: Floats) -> Streams:
    """400 requests a look, a third of the looks at each weight."""
    mine = np.repeat([20, 100, 200], len(rate) // 3)
    return drawn(seed, runs, (rate, rate), (mine, 400 - mine))


def _alarm_row(name: str, cells: Sequence[Streams], effort: Effort) -> Row:
    runs = cells[0].runs
    worst = max(share(ratio_alarms(cell)) for cell in cells)
    peers = {rule: max(share(found[rule]) for found in map(alarms, cells)) for rule in alarms(cells[0])}
    return Row(
        name=name,
        value=worst,
        error=share_error(worst, runs),
        target=ALPHA,
        allowed=effort.chance(share_error(ALPHA, runs)),
        peers=columns({rule: f"{part:.3f}" for rule, part in peers.items()}),
    )


def delays(effort: Effort) -> list[Row]:
    """Mean requests of the candidate until harm is found, over the least that any test of its level needs."""
    runs = effort.runs(30, 400)
    cells = [_delay(rates, sizes, runs) for rates, sizes in product(HARM, ((20, 20), (10, 190)))]
    ours = np.array([cell["mlship"] for cell in cells])
    mean, error = _geometric(ours)
    others = {rule: np.array([cell[rule] for cell in cells]) for rule in ("mSPRT", "asympt. CS")}
    worst = int(ours[:, 0].argmax())
    return [
        Row(
            name="delay over bound, geometric mean of 18 cells",
            value=mean,
            error=error,
            target=1.3,
            allowed=effort.chance(error),
            peers={rule: f"{_geometric(cell)[0]:.2f}" for rule, cell in others.items()},
        ),
        Row(
            name="  worst of them",
            value=float(ours[worst, 0]),
            error=float(ours[worst, 1]),
            target=1.7,
            allowed=effort.chance(float(ours[worst, 1])),
            peers={rule: f"{cell[:, 0].max():.2f}" for rule, cell in others.items()},
        ),
    ]


def _delay(rates: tuple[float, float], sizes: Sizes, runs: int) -> Mapping[str, tuple[float, float]]:
    """Rule → (mean delay over the bound, its standard error). What is not found in twelve bounds counts as so many."""
    live, candidate = rates
    least = bound(candidate, live, sizes[0] / sum(sizes))
    looks = int(min(max(12 * least / sizes[0], 30), 2500))
    streams = steady(23, (runs, looks), (candidate, live), sizes)
    found = alarms(streams) | {"mlship": ratio_alarms(streams)}
    taken = {rule: np.minimum(alarm + 1, looks) * sizes[0] / least for rule, alarm in found.items()}
    return {rule: (float(each.mean()), float(each.std() / math.sqrt(runs))) for rule, each in taken.items()}


def bound(candidate: float, live: float, share: float) -> float:
    """Fewest requests of the candidate, on average, until any test of level alpha sees that the rates differ (Wald)."""
    mixed = share * candidate + (1 - share) * live
    gained = share * divergence(candidate, mixed) + (1 - share) * divergence(live, mixed)
    return math.log(1 / ALPHA) * share / gained


def divergence(one: float, other: float) -> float:
    """Kullback and Leibler's, of two rates."""
    return one * math.log(one / other) + (1 - one) * math.log((1 - one) / (1 - other))


def false_promotions(effort: Effort) -> list[Row]:
    """A candidate that is worse by exactly the margin is called fit."""
    runs = effort.runs(50, 3000)
    ours, others = [], []
    for (rate, margin), sizes in product(MARGINS, ((100, 100), TWENTIETH)):
        streams = steady(29, (runs, PROVING), (rate + margin, rate), sizes)
        ours.append(share(_proven(streams, rate, margin)))
        others.append({rule: share(found) for rule, found in proofs(streams, margin).items()})
    return [
        Row(
            name="false promotion at the margin, worst of 6 cells",
            value=max(ours),
            error=share_error(max(ours), runs),
            target=0.055,
            allowed=effort.chance(share_error(ALPHA, runs)),
            peers=columns({rule: f"{max(cell[rule] for cell in others):.3f}" for rule in others[0]}),
        )
    ]


def _proven(streams: Streams, rate: float, margin: float) -> Counts:
    history = (round(5000 * rate), 5000)

    def look_of_proof(looks: Sequence[tuple[Sizes, Sizes]]) -> int:
        test = MarginTest(margin=margin, alpha=ALPHA, history=history)
        for number, (candidate, live) in enumerate(looks):
            test.absorb(candidate=candidate, live=live)
            if test.proven:
                return number
        return NEVER

    return by_run(streams, look_of_proof)


def ratio_alarms(streams: Streams) -> Counts:
    """The look at which `RatioTest` fires, run by run."""

    def look_of_alarm(looks: Sequence[tuple[Sizes, Sizes]]) -> int:
        test = RatioTest(alpha=ALPHA)
        for number, (candidate, live) in enumerate(looks):
            test.absorb(candidate=candidate, live=live)
            if test.fired:
                return number
        return NEVER

    return by_run(streams, look_of_alarm)


def by_run(streams: Streams, judge: Callable[[Sequence[tuple[Sizes, Sizes]]], int]) -> Counts:
    """What `judge` finds in each run, given its looks as ((bad, all) of the candidate, (bad, all) of live)."""
    sizes, live_sizes = streams.every.tolist(), streams.live_every.tolist()
    found = []
    for bad, live_bad in zip(streams.bad.tolist(), streams.live_bad.tolist(), strict=True):
        mine, others = zip(bad, sizes, strict=True), zip(live_bad, live_sizes, strict=True)
        found.append(judge(list(zip(mine, others, strict=True))))
    return np.array(found)


def share(found: Counts) -> float:
    """Of the runs in which it was found at all."""
    return float((found < NEVER).mean())


def columns(peers: Mapping[str, str]) -> dict[str, str]:
    """The two thresholds share a column."""
    rest = {rule: told for rule, told in peers.items() if rule not in {"Flagger", "Argo"}}
    return rest | ({"Flagger / Argo": f"{peers['Flagger']} / {peers['Argo']}"} if "Argo" in peers else {})


def _geometric(cells: Floats) -> tuple[float, float]:
    """Geometric mean of the ratios, shape (cells, 2), and its standard error."""
    mean = float(np.exp(np.log(cells[:, 0]).mean()))
    return mean, mean * math.sqrt(float(((cells[:, 1] / cells[:, 0]) ** 2).sum())) / len(cells)
