"""Of several challengers the right one goes on: by its gain, hardly ever by chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from mlship.gates.choice import Choice, Standing, best, strongest
from mlship.gates.panel import Panel
from mlship.metrics.answers import Answers
from mlship.plan.model import Alpha, Gate
from mlship.plan.verdict import Evidence, Outcome, Verdict
from tests.gates.answered import BETTER, LOG_LOSS, heard, labelled, mirrored
from tests.gates.made import CEILING

GATES: Mapping[str, Gate] = {"ceiling": CEILING, "better": BETTER, "log-loss": LOG_LOSS}
REQUIRED = ("ceiling", "better")
PASS, WAIT, BLIND, FAIL = Outcome.PASS, Outcome.WAIT, Outcome.BLIND, Outcome.FAIL


def says(better: Outcome, gain: float | None = 0.01, ceiling: Outcome = PASS, **more: Outcome) -> list[Verdict]:
    evidence = Evidence(measure="gain in accuracy", estimate=gain)
    return [
        Verdict(gate="ceiling", outcome=ceiling, reason="counted"),
        Verdict(gate="better", outcome=better, reason="compared", evidence=evidence),
        *(Verdict(gate=gate, outcome=outcome, reason="seen") for gate, outcome in more.items()),
    ]


def chosen(verdicts: Mapping[str, Sequence[Verdict]], *, final: bool = False) -> Choice:
    return best(verdicts, gates=GATES, required=REQUIRED, final=final)


def test_the_largest_gain_goes_on() -> None:
    """Not the first that passed; of equal gains the first by name."""
    choice = chosen({"b": says(PASS, 0.02), "a": says(PASS, 0.02), "c": says(PASS, 0.01), "d": says(FAIL, 0.5)})
    assert (choice.standing, choice.chosen) == (Standing.CHOSEN, "a")
    assert choice.reasons["a"] == "the largest gain in accuracy: a +2 points, b +2 points, c +1 points"
    assert choice.reasons["d"] == "better: compared"


@pytest.mark.parametrize("waiting", [says(WAIT), says(BLIND), says(PASS, ceiling=WAIT), says(PASS, guard=BLIND), []])
def test_who_may_yet_pass_is_waited_for(waiting: list[Verdict]) -> None:
    """Nobody is chosen before all are known, but at the end the best of those that passed is."""
    verdicts = {"a": says(PASS), "b": waiting}
    assert chosen(verdicts).standing is Standing.UNDECIDED
    assert chosen(verdicts, final=True).chosen == "a"
    assert chosen({"b": waiting}, final=True).standing is Standing.UNDECIDED


def test_none_is_good_enough() -> None:
    """All have failed, by a gate or by a guard: there is nothing to wait for."""
    choice = chosen({"a": says(FAIL), "b": says(PASS, guard=FAIL)})
    assert (choice.standing, choice.chosen) == (Standing.NONE, "")
    assert choice.reasons == {"a": "better: compared", "b": "guard: seen"}


def test_without_a_paired_gate_the_plan_decides() -> None:
    """Nothing tells how good the answers are: the first in the plan. One alone needs no comparison."""
    verdicts = {"b": says(PASS), "a": says(PASS)}
    assert strongest(verdicts, gates=GATES, required=("ceiling",))[0] == "b"
    assert strongest({"a": says(PASS)}, gates=GATES, required=REQUIRED) == ("a", "the only one that passed")
    with pytest.raises(ValueError, match="no challenger"):
        strongest({}, gates=GATES, required=REQUIRED)


def test_gains_in_a_score() -> None:
    """A score that is an error is told as it is, lower; who has no estimate comes last."""
    said = {
        name: [Verdict(gate="log-loss", outcome=PASS, reason="", evidence=Evidence(measure="", estimate=gain))]
        for name, gain in (("a", None), ("b", 0.25))
    }
    assert strongest(said, gates=GATES, required=("log-loss",)) == (
        "b",
        "the largest gain in log loss: a unknown, b -0.25",
    )


SIZE, LOOKS, RUNS = 500, 40, 200
"""20 000 labelled pairs in all."""
ALIKE = (0.03, 0.03)
WORSE = (0.04, 0.025)
BETTER_BY_THREE = (0.03, 0.06)
"""(only live right, only the challenger right)."""


def run(rng: np.random.Generator, challengers: Mapping[str, tuple[float, float]]) -> Choice:
    """A shadow stage with every pair labelled; the panels are read at its deadline."""
    panels = {
        name: Panel(
            gates={"better": BETTER},
            alpha=Alpha(),
            live="v1",
            candidate=name,
            sticky=False,
            challengers=len(challengers),
        )
        for name in challengers
    }
    counts = {
        name: rng.multinomial(SIZE, [*rates, 1 - sum(rates)], size=LOOKS)[:, :2].tolist()
        for name, rates in challengers.items()
    }
    for panel in panels.values():
        panel.begin(mirrored("better", models=tuple(challengers)), 0.0)
    for look in range(LOOKS):
        answers = {name: Answers(total=labelled(SIZE, *counts[name][look])) for name in challengers}
        for panel in panels.values():
            panel.absorb(heard(look + 1, answers=answers))
    said = {name: panel.verdicts(approved=False) for name, panel in panels.items()}
    return best(said, gates={"better": BETTER}, required=("better",), final=True)


def test_the_better_one_is_chosen() -> None:
    """Three points better than live beside one as good and one worse: chosen in at least 95 % of 200 runs."""
    rng = np.random.default_rng(81)
    ends = [run(rng, {"v2": ALIKE, "v3": BETTER_BY_THREE, "v4": WORSE}).chosen for _ in range(RUNS)]
    assert ends.count("v3") / RUNS >= 0.95


@pytest.mark.parametrize("others", [(ALIKE,) * 3, (ALIKE, WORSE, WORSE)])
def test_nobody_is_chosen_by_chance(others: tuple[tuple[float, float], ...]) -> None:
    """Where none is better, one is chosen in at most 5 % of 200 runs, however often one looks."""
    rng = np.random.default_rng(82)
    ends = [run(rng, dict(zip(("v2", "v3", "v4"), others, strict=True))) for _ in range(RUNS)]
    assert sum(end.standing is Standing.CHOSEN for end in ends) / RUNS <= 0.05
