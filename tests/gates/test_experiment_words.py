"""What A/B tests and bandits say of numbers that are 0, or that go nowhere."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from mlship.plan.outcome import Method, Metric, Stop
from mlship.plan.verdict import Outcome
from tests.gates.earned import GOAL, LOSSES, MEAN, RACE, RATE, UNWANTED, cohort, racing
from tests.gates.made import begun, said


def test_the_first_conversions_are_told_in_plain_numbers() -> None:
    """Beside a live model without any, the gain may be anything up to 100 points."""
    panel = begun(GOAL)
    panel.absorb(cohort(1, v1=(0, 500), v2=(5, 500)))

    assert said(panel, "goal").reason.endswith("v2 1 % of 500, v1 0 % of 500: +1 points [+0, +100]")


def test_a_fault_of_the_set_up_is_told_as_a_difference() -> None:
    """In an A/A test the arm that looks better is not called the worse one."""
    panel = begun(replace(GOAL, method=Method.AA))
    panel.absorb(cohort(1, v1=(0, 500), v2=(50, 500)))

    assert said(panel, "goal").outcome is Outcome.FAIL
    assert said(panel, "goal").reason.startswith("proven different: v2 10 % of 500, v1 0 % of 500")


@pytest.mark.parametrize(
    ("metric", "stop", "told"),
    [
        (MEAN, Stop.LOSS, "v1 leads, worth nothing so far: v1 0 of 500, v2 0 of 500, v3 0 of 500"),
        (LOSSES, Stop.EVIDENCE, "v1 leads, not proven: v1 0 of 500, v2 0 of 500, v3 0 of 500"),
        (UNWANTED, Stop.EVIDENCE, "v1 leads, not proven: v1 0 % of 500, v2 0 % of 500, v3 0 % of 500"),
        (RATE, Stop.LOSS, "choosing v1 loses 83.2 % of its value, 1 % may be lost"),
    ],
)
def test_a_race_without_conversions_is_told_as_it_is(metric: Metric, stop: Stop, told: str) -> None:
    """No part of a value of 0 is told, and outcomes of which fewer are better are told as they were counted."""
    judge = racing(replace(RACE, metric=metric, stop=stop))
    judge.absorb(cohort(1, v1=(0, 500), v2=(0, 500), v3=(0, 500)))

    assert {(verdict.outcome, verdict.reason) for verdict in judge.verdicts(()).values()} == {(Outcome.WAIT, told)}
