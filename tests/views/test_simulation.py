"""The page of a simulation: all of it, in 80 columns, in any terminal."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from mlship.journal.status import Status
from mlship.journal.summary import (
    Effect,
    Range,
    Summary,
    bins,
    chance,
    decisions,
    endings,
    range_of,
)
from mlship.journal.trial import Trial
from mlship.views.glyphs import ASCII, UNICODE, Glyphs
from mlship.views.page import text
from mlship.views.paper import Paper
from mlship.views.simulation import simulation


def trials() -> list[Trial]:
    common: dict[str, Any] = {"stage": "canary", "model": "v2", "requests": 123_456, "tried": 45_678}
    promoted = [
        Trial(
            number=number, status=Status.PROMOTED, step="retire v1", by="every step passed", failed=False,
            seconds=600.0 + number, bad=0.0, **common,
        )
        for number in range(70)
    ]  # fmt: skip
    back = [
        Trial(
            number=number, status=Status.ROLLED_BACK, step="25 %", by=f"a-gate-with-a-long-name-{number}", failed=True,
            seconds=60.0 * number, bad=12.3, **common,
        )
        for number in range(10)
    ]  # fmt: skip
    return promoted + back


def summary(**changes: Any) -> Summary:
    every = trials()
    return replace(
        Summary(
            service="fraud-scorer", live="v1", candidates=("v2",), seed=1, asked=80, runs=80, harmless=True,
            endings=endings(every), false_alarms=chance(10, 80), false_promotions=chance(0, 80),
            seconds=range_of(trial.seconds for trial in every), requests=range_of([123_456]), tried=range_of([45_678]),
            bad=range_of([0.0, 12.3]), turned_away=range_of([0]), decisions=decisions(every), bins=bins(every),
        ),
        **changes,
    )  # fmt: skip


def page(told: Summary, *, width: int = 80, glyphs: Glyphs = UNICODE) -> str:
    return text(lambda paper: simulation(told, paper), Paper(width=width, glyphs=glyphs))


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_it_fits_eighty_columns(glyphs: Glyphs) -> None:
    """No line is longer, and nothing is cut."""
    shown = page(summary(), glyphs=glyphs)

    assert max(map(len, shown.splitlines())) <= 80
    assert UNICODE.cut not in shown
    assert shown.isascii() is glyphs.ascii_only


def test_it_tells_chances_with_their_intervals() -> None:
    """Of each ending, and of the errors that only a made-up world knows."""
    shown = page(summary())

    assert "promoted" in shown
    assert "87.5 %" in shown
    assert "False alarms, a gate failed without reason: 12.5 % (6.93 % to 21.5 %)" in shown
    assert "In this world v2 is harmless" in shown
    assert "False promotions, of a model that does not deserve it: 0 %" in shown


def test_a_harmful_candidate_has_no_false_alarms() -> None:
    """The page says what the world says."""
    shown = page(summary(harmless=False, false_alarms=None))

    assert "False alarms" not in shown
    assert "In this world v2 is worse than the gates tolerate." in shown


def test_of_several_challengers_one_may_be_fine() -> None:
    """The page does not say which; the gates have to find out."""
    shown = page(summary(candidates=("v2", "v3")))

    assert "v1 → v2 or v3" in shown
    assert "In this world one of v2 and v3 is harmless" in shown


def test_the_plot_has_a_bar_for_each_ending() -> None:
    """As long as its number, with the number behind it."""
    lines = page(summary()).splitlines()
    start = next(place for place, line in enumerate(lines) if line.lstrip().startswith("until"))
    heads, bars = lines[start], lines[start + 1 :]

    assert heads.split() == ["until", "promoted", "rolled", "back"]
    assert sum(line.count("█") for line in bars) > 10
    assert len(bars) == 10
    assert bars[0].split()[-1] == "2"
    assert bars[-1].split()[-1] == "68"


def test_rare_places_are_told_together() -> None:
    """Eleven places are too many for a page."""
    shown = page(summary())

    assert "3 other places" in shown
    assert "a-gate-with-a-long-name-0" in shown


def test_experiments_tell_effects_and_what_the_traffic_did() -> None:
    """And what nobody had numbers for."""
    spread = Range(p10=0.01, median=0.02, p90=0.03)
    effect = Effect(measure="gain in conversion", truth=0.02, estimate=spread, covered=chance(19, 20))
    shown = page(
        summary(
            effects={"conversion-decides": effect}, regret=spread, weights={"v2": spread}, unseen=("chargebacks",),
            turned_away=range_of([300]),
        )
    )  # fmt: skip

    flat = " ".join(shown.split())
    assert "gain in conversion p10, median, p90: 0.01, 0.02, 0.03; in truth 0.02; the interval held it in 95 %" in flat
    assert "traffic of v2 at the end" in flat
    assert "regret, in units of the goal" in flat
    assert "turned away while closed" in flat
    assert "Left out, because a made-up world has no numbers for them: chargebacks." in flat


def test_an_interrupted_simulation_says_so() -> None:
    """It is not taken for the whole."""
    assert "80 rollouts of 1 000, interrupted" in page(summary(asked=1000))
