"""Segments: weights are met to the basis point, and nobody moves who need not."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlship.plan.routing import WHOLE
from mlship.plan.segments import MOST, Segments, laid_out, moved

ARMS = ("v2", "v3", "v4", "v1")


def cuts(draw: st.DrawFn) -> dict[str, int]:
    marks = sorted(draw(st.lists(st.integers(0, WHOLE), min_size=3, max_size=3)))
    ends = [*marks, WHOLE]
    widths = [end - start for start, end in zip([0, *marks], ends, strict=True)]
    return dict(zip(ARMS, widths, strict=True))


weights = st.composite(cuts)()


def units(segments: Segments) -> list[str]:
    return [model for model, width in segments for _ in range(width)]


@settings(deadline=None)
@given(weights, weights)
def test_as_few_move_as_must(before: dict[str, int], after: dict[str, int]) -> None:
    """Who changes the model is exactly what the gaining arms gain."""
    assume(before["v1"] > 0)
    first = laid_out(before, live="v1")
    second = moved(first, after, live="v1")
    changed = sum(a != b for a, b in zip(units(first), units(second), strict=True))
    gains = sum(max(0, after[arm] - before[arm]) for arm in ARMS)

    assert {arm: units(second).count(arm) for arm in ARMS} == after
    assert changed == gains


@settings(deadline=None)
@given(st.lists(weights, min_size=1, max_size=60))
def test_the_table_stays_small(course: list[dict[str, int]]) -> None:
    """However often weights change, the sum is whole, the live model is last, and the segments are few."""
    segments: Segments = (("v1", WHOLE),)
    for asked in course:
        segments = moved(segments, asked, live="v1")

        assert sum(width for _, width in segments) == WHOLE
        assert len(segments) <= MOST
        assert segments[-1][0] == "v1" or not asked["v1"]


def test_a_growing_share_only_adds() -> None:
    """Two models: the candidate's segment grows in place from the front, as a canary's does."""
    segments: Segments = (("v1", WHOLE),)
    for share in (100, 500, 2500, 5000):
        segments = moved(segments, {"v2": share, "v1": WHOLE - share}, live="v1")

        assert segments == (("v2", share), ("v1", WHOLE - share))


def test_an_arm_that_goes_leaves_the_others_where_they_are() -> None:
    """What a dropped arm had goes to the live model; nobody else notices."""
    before: Segments = (("v2", 2500), ("v3", 2500), ("v1", 5000))

    assert moved(before, {"v3": 2500, "v1": 7500}, live="v1") == (("v1", 2500), ("v3", 2500), ("v1", 5000))
