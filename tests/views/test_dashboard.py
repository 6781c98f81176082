import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mlship.journal.events import (
    BroughtUp,
    Looked,
    Parked,
    Recorded,
    Requested,
    RollbackFailed,
    Started,
    TornDown,
)
from mlship.journal.state import ServiceState
from mlship.metrics.look import Look
from mlship.plan.verdict import Evidence, Outcome, Verdict
from mlship.views.dashboard import dashboard, draw
from mlship.views.feed import KEPT_LOOKS, KEPT_SENTENCES, Feed
from mlship.views.glyphs import ASCII, UNICODE, Glyphs
from mlship.views.panels.gates import portion
from mlship.views.panels.steps import window
from mlship.views.paper import Paper
from tests.views.scenes import ALONE, BAD, CONTEST, GOOD, HOPELESS, followed, later, page, printed, until
from tests.views.story import START

MOMENTS = {
    "judging": until(GOOD, 55.0),
    "starting": until(GOOD, 34.0),
    "rolled-back": BAD,
    "promoted": GOOD,
    "paused": later(until(GOOD, 55.0), Requested(order="pause", by="bob")),
    "parked": later(until(GOOD, 55.0), Parked(reason="paused by bob")),
    "back": until(BAD, 64.7),
    "incomplete": later(until(BAD, 64.7), RollbackFailed(to="v1", message="the router does not answer")),
}
SIZES = {"80x23": Paper(width=80, height=23), "140x39": Paper(width=140, height=39)}


def _screen(events: tuple[Recorded, ...], paper: Paper) -> str:
    state, feed = followed(events)
    return printed(lambda sheet: dashboard(state, feed, events[-1].at + 2, sheet), paper)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("moment", ["judging", "rolled-back", "promoted"])
def test_a_screen_is_as_it_was_found_good(moment: str, size: str) -> None:
    """At the usual sizes of terminals the dashboard looks exactly as it was designed."""
    assert page(f"{moment}-{size}") == _screen(MOMENTS[moment], SIZES[size])


def test_a_terminal_without_unicode_gets_the_same_screen() -> None:
    """Symbols carry the meaning in ASCII too."""
    shown = _screen(MOMENTS["judging"], Paper(width=80, height=23, glyphs=ASCII))
    assert page("judging-ascii") == shown
    assert shown.isascii()


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("judging", "waits for 8s of hold, no-more-errors, not-slower; rolls back in 59m 38s"),
        ("starting", "bringing 1 of v2 to ready ..."),
        ("rolled-back", "v1 serves everything: no-more-errors: v2 errs more often than v1"),
        ("promoted", "v2 is live"),
        ("parked", "parked: paused by bob; goes on with: mlship resume fraud-scorer"),
        ("paused", "paused; goes on with: mlship resume fraud-scorer"),
        ("back", "rolling back to v1: no-more-errors: v2 errs more often than v1"),
        ("incomplete", "a human is needed: the router does not answer; again with: mlship rollback fraud-scorer"),
    ],
)
def test_the_third_line_says_what_is_awaited(moment: str, said: str) -> None:
    """One look at one line tells what happens next, and what to type where nothing does."""
    assert said == _screen(MOMENTS[moment], Paper(width=140)).splitlines()[2].strip()


@pytest.mark.parametrize(
    ("event", "said"),
    [(TornDown(by="ada"), "everything was stopped by mlship down"), (BroughtUp(model="v1"), "v1 is live")],
)
def test_every_end_is_told(event: TornDown | BroughtUp, said: str) -> None:
    """A rollout that ends without a promotion says so."""
    shown = _screen(later(until(GOOD, 3.0), event), Paper(width=140))
    assert said == shown.splitlines()[2].strip()


def test_a_failed_gate_is_what_happens_next() -> None:
    """Between the look that fails and the rollback the screen does not pretend to wait."""
    assert "fails: no-more-errors" in _screen(until(BAD, 50.0), Paper(width=80))


CONTESTS = {
    "contest": until(CONTEST, 55.0),
    "contest-canary": until(CONTEST, 90.0),
    "contest-hopeless": HOPELESS,
    "contest-promoted": CONTEST,
    "alone": until(ALONE, 40.0),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("moment", CONTESTS)
def test_a_shadow_is_as_it_was_found_good(moment: str, size: str) -> None:
    """Challengers side by side, their copies and their answers; and the canary of the one that was chosen."""
    assert page(f"{moment}-{size}") == _screen(CONTESTS[moment], SIZES[size])


def test_a_shadow_in_ascii_is_the_same_screen() -> None:
    """Symbols carry the meaning of a grid, too."""
    shown = _screen(CONTESTS["contest"], Paper(width=80, height=23, glyphs=ASCII))
    assert page("contest-ascii") == shown
    assert shown.isascii()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (8.0, "waits for 28s of hold, 3 gates of v2, v3 and v4; parks in 29m 58s"),
        (40.0, "waits for 3 gates of v2 and v3; parks in 29m 28s"),
        (55.0, "waits for 1 gate of v2, 20 answers of v3; parks in 29m 13s"),
        (72.0, "waits for 28s of hold, 100 requests, no-more-errors, not-slower; rolls back in 59m 58s"),
    ],
)
def test_the_third_line_says_what_each_challenger_lacks(seconds: float, said: str) -> None:
    """A challenger that is out is not waited for, and what it failed is forgotten once another is chosen."""
    assert said == _screen(until(CONTEST, seconds), Paper(width=140)).splitlines()[2].strip()


@pytest.mark.parametrize("end", [Parked(reason="v2 waits; " * 20), RollbackFailed(to="v1", message="no answer; " * 20)])
def test_a_long_reason_does_not_hide_what_to_type(end: Parked | RollbackFailed) -> None:
    """The command stands at the end of the line, however much there is to say before it."""
    told = _screen(later(until(CONTEST, 55.0), end), SIZES["80x23"]).splitlines()[2]
    assert told.endswith(" fraud-scorer")


def test_what_holds_every_challenger_up_is_said_over_the_gates() -> None:
    """Trouble that is nobody's own stands where the gates are named, and moves nothing."""
    blind = Verdict(gate="health", outcome=Outcome.BLIND, reason="the routing was changed by somebody else")
    look = Look(number=99, start=0.0, end=5.0, weights={"v1": 10000}, tallies=None)
    events = later(until(CONTEST, 40.0), Looked(step=1, look=look, verdicts=(blind,)))
    for size in SIZES.values():
        before, after = (_screen(each, size).splitlines() for each in (until(CONTEST, 40.0), events))
        assert len(before) == len(after)
        assert any("health blind: the routing was changed by somebody" in line for line in after[3:])


@pytest.mark.parametrize("paper", [Paper(width=80, height=23), Paper(width=80), Paper(width=140, height=39)])
@pytest.mark.parametrize("story", [GOOD, BAD, CONTEST, HOPELESS, ALONE])
def test_the_height_never_changes(story: tuple[Recorded, ...], paper: Paper) -> None:
    """From the first event to the last no panel moves, so nothing jumps on the screen."""
    heights = set()
    for length in range(1, len(story) + 1):
        state, feed = followed(story[:length])
        heights.add(len(draw(state, feed, story[length - 1].at, paper)))
    assert len(heights) == 1


@given(
    story=st.sampled_from([GOOD, BAD, CONTEST, HOPELESS, ALONE]),
    length=st.integers(0, len(CONTEST)),
    width=st.integers(40, 200),
    height=st.none() | st.integers(4, 60),
    glyphs=st.sampled_from([UNICODE, ASCII]),
)
def test_any_terminal_is_big_enough(
    story: tuple[Recorded, ...], length: int, width: int, height: int | None, glyphs: Glyphs
) -> None:
    """At any moment and any size nothing is raised and nothing is wider or higher than the terminal."""
    state, feed = followed(story[:length])
    lines = draw(state, feed, START + 1000, Paper(width=width, height=height, glyphs=glyphs))
    assert max(line.cell_len for line in lines) <= width
    assert height is None or len(lines) <= height
    assert all(line.plain.isprintable() for line in lines)


WORDS = st.text(max_size=40)
NUMBERS = st.none() | st.floats()
COUNTS = st.none() | st.tuples(st.integers(0, 10**12), st.integers(0, 10**12))


@given(
    evidence=st.none()
    | st.builds(
        Evidence,
        measure=WORDS,
        estimate=NUMBERS,
        interval=st.none() | st.tuples(st.floats(), st.floats()),
        e_value=NUMBERS,
        limit=NUMBERS,
        proof=NUMBERS,
        proof_limit=NUMBERS,
        candidate=COUNTS,
        live=COUNTS,
    ),
    outcome=st.sampled_from(Outcome),
    words=st.tuples(WORDS, WORDS),
    width=st.integers(40, 200),
)
def test_any_verdict_can_be_shown(
    evidence: Evidence | None, outcome: Outcome, words: tuple[str, str], width: int
) -> None:
    """Whatever a gate says, in whatever script and with whatever numbers, the screen holds."""
    verdict = Verdict(gate=words[0], outcome=outcome, reason=words[1], evidence=evidence)
    look = Look(number=99, start=0.0, end=5.0, weights={}, tallies=None, trouble=words[1])
    state, feed = followed(later(until(GOOD, 55.0), Looked(step=2, look=look, verdicts=(verdict,))))
    lines = draw(state, feed, START, Paper(width=width))
    assert max(line.cell_len for line in lines) <= width


def _judged(evidence: Evidence, paper: Paper) -> list[str]:
    verdict = Verdict(gate="no-more-errors", outcome=Outcome.WAIT, reason="more are needed", evidence=evidence)
    look = Look(number=99, start=0.0, end=5.0, weights={}, tallies=None)
    return _screen(later(until(GOOD, 55.0), Looked(step=2, look=look, verdicts=(verdict,))), paper).splitlines()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("estimate", "interval", "said"),
    [
        (1.5, (0.6, 3.8), "odds ratio 1.5 (0.6 to 3.8); v2 13/57, v1 0/1164"),
        (None, (4.2, float("inf")), "odds ratio at least 4.2; v2 13/57, v1 0/1164"),
        (None, (0.2, 60.0), "odds ratio 0.2 to 60; v2 13/57, v1 0/1164"),
        (None, None, "v2 13/57, v1 0/1164"),
    ],
)
def test_evidence_is_told_whole(
    size: str, estimate: float | None, interval: tuple[float, float] | None, said: str
) -> None:
    """Counts, the estimate with its interval, and each e-value against its limit; also where nothing is estimated."""
    shown = _judged(
        Evidence(
            measure="odds ratio", estimate=estimate, interval=interval, candidate=(13, 57), live=(0, 1164),
            e_value=12.0, limit=40.0, proof=3.0, proof_limit=20.0,
        ),
        SIZES[size],
    )  # fmt: skip
    assert any(said in line for line in shown) or all(any(part in line for line in shown) for part in said.split("; "))
    assert any("harm" in line and "12/40" in line and "3/20" in line for line in shown)


def test_a_long_wait_does_not_hide_the_deadline() -> None:
    """However much is waited for, at 80 columns the line ends with what happens otherwise, and when."""
    events = tuple(_with_gates(recorded, 6) for recorded in until(GOOD, 55.0))
    told = _screen(events, SIZES["80x23"]).splitlines()[2]
    assert told.startswith(" waits for ")
    assert told.endswith("; rolls back in 59m 38s")


def _with_gates(recorded: Recorded, number: int) -> Recorded:
    """The same rollout with so many gates more in each step."""
    if not isinstance(recorded.event, Started):
        return recorded
    more = tuple(f"gate-with-a-name-{each}" for each in range(number))
    steps = tuple(
        replace(step, gates=(*step.gates, *more)) if step.gates else step for step in recorded.event.compiled.steps
    )
    return replace(recorded, event=replace(recorded.event, compiled=replace(recorded.event.compiled, steps=steps)))


def test_a_service_without_a_rollout_is_said_to_have_none() -> None:
    """Watching before the first rollout is no error."""
    lines = draw(ServiceState(service="fraud-scorer"), Feed(), START, Paper(width=80, height=24))
    assert [line.plain for line in lines] == [" fraud-scorer  no rollout yet"]


@pytest.mark.parametrize(
    ("total", "at", "rows", "shown"),
    [(6, 0, 3, (0, 3)), (6, 2, 3, (1, 4)), (6, 5, 3, (3, 6)), (2, 1, 5, (0, 2)), (6, 3, 1, (3, 4))],
)
def test_the_step_at_work_is_always_in_sight(total: int, at: int, rows: int, shown: tuple[int, int]) -> None:
    """However few lines there are, the step at work is among them."""
    assert window(total, at, rows) == shown


@pytest.mark.parametrize(
    ("value", "limit", "filled"),
    [(0.3, 60.0, 0.0), (1.0, 60.0, 0.0), (10.0, 100.0, 0.5), (60.0, 60.0, 1.0), (float("inf"), 60.0, 1.0)],
)
def test_bars_of_evidence_are_logarithmic(value: float, limit: float, filled: float) -> None:
    """Half a bar is half the way: as much evidence again fires."""
    assert portion(value, limit) == pytest.approx(filled)


def test_the_feed_does_not_grow_without_end() -> None:
    """A rollout of weeks keeps only what the screen can show."""
    look = Look(number=1, start=0.0, end=5.0, weights={}, tallies={})
    _, feed = followed(later(until(GOOD, 55.0), *[Looked(step=2, look=look)] * 100, *[Parked(reason="x")] * 100))
    assert (len(feed.looks), len(feed.told)) == (KEPT_LOOKS, KEPT_SENTENCES)
