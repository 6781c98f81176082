import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from mlship.views.glyphs import ASCII, UNICODE, Glyphs
from mlship.views.paper import Paper, beside

GLYPHS = st.sampled_from([UNICODE, ASCII])


@given(st.text(), st.integers(0, 30), st.sampled_from(["left", "right"]), GLYPHS)
def test_a_cell_is_exactly_as_wide_as_asked(text: str, width: int, side: str, glyphs: Glyphs) -> None:
    """Columns stand still, whatever is written in them, also in scripts of double width."""
    assert Paper(width=80, glyphs=glyphs).cell(text, width, right=side == "right").cell_len == width


@given(st.text(), st.text(), st.integers(10, 60), GLYPHS)
def test_two_ends_never_run_over_the_edge(left: str, right: str, width: int, glyphs: Glyphs) -> None:
    """The left part gives way, then the right one."""
    paper = Paper(width=width, glyphs=glyphs)
    assert paper.spread(paper.say(left), paper.say(right)).cell_len <= width
    assert paper.rule(left, right).cell_len <= width


@given(st.floats(allow_nan=False), st.integers(1, 40), GLYPHS)
def test_a_bar_has_one_width(portion: float, width: int, glyphs: Glyphs) -> None:
    """Full, empty or beyond: the bar does not move what stands after it."""
    assert Paper(width=80, glyphs=glyphs).bar(portion, width).cell_len == width


@pytest.mark.parametrize(
    ("values", "top", "drawn"),
    [
        ([0.0, 0.5, 1.0], 1.0, "  ▁▅█"),
        ([None, 1.0], 1.0, "    █"),
        ([1.0] * 9, 1.0, "█████"),
        ([0.0, 0.0], 0.0, "   ▁▁"),
        ([0.001], 1.0, "    ▂"),
    ],
)
def test_a_trend_ends_at_the_right(values: list[float | None], top: float, drawn: str) -> None:
    """The newest value is at the right, a gap stays empty, and a little more than nothing is seen."""
    assert Paper(width=80).trend(values, 5, top).plain == drawn


def test_strips_stand_side_by_side() -> None:
    """The right strip begins in one column, however long the lines at its left are."""
    lines = beside(Paper(width=20), [Text("a"), Text("b" * 30)], [Text("c"), Text("d"), Text("e")], 10)
    assert [line.plain for line in lines] == ["a         c", "b" * 9 + "…d", "          e"]
