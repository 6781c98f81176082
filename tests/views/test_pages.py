import io
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlship.journal.events import Parked, Recorded, Reviewed, TornDown
from mlship.journal.fold import fold
from mlship.journal.state import ServiceState
from mlship.metrics.answers import Answers, Cell, Pairs
from mlship.metrics.look import Look
from mlship.plan.fault import Fault
from mlship.views.faults import faults, lines_of
from mlship.views.glyphs import ASCII
from mlship.views.history import history, rollouts
from mlship.views.page import emit
from mlship.views.paper import Paper
from mlship.views.show import show
from mlship.views.status import status
from tests.views.scenes import ALONE, BAD, CONTEST, GOOD, HOPELESS, followed, later, page, printed, until

NOW = GOOD[-1].at + 9000


def test_history_lists_rollouts_newest_first() -> None:
    """A service's past is a table."""
    again = tuple(
        type(recorded)(seq=recorded.seq + 100, service="fraud-scorer", rollout="z", at=recorded.at + 500, event=event)
        for recorded in GOOD
        for event in [recorded.event]
    )
    past = rollouts((*BAD, *again))
    assert page("history") == printed(lambda paper: history(past, paper), Paper(width=120))


def test_an_empty_history_is_said_to_be_empty() -> None:
    """No rollout yet is an answer."""
    assert printed(lambda paper: history((), paper), Paper(width=80)) == "no rollout yet\n"


def test_show_tells_one_rollout_from_start_to_end() -> None:
    """Header, steps, models, gates and every event of a rollout."""
    assert page("show-bad") == printed(lambda paper: show(BAD, NOW, paper), Paper(width=160))


def test_show_of_nothing_is_said_to_be_nothing() -> None:
    """No rollout yet is an answer."""
    assert printed(lambda paper: show((), NOW, paper), Paper(width=80)) == "no rollout yet\n"


def test_status_of_one_service_is_a_few_lines() -> None:
    """Where it stands, what it waits for, what the gates say, how to undo it."""
    state = fold("fraud-scorer", until(GOOD, 55.0))
    assert page("status-one") == printed(lambda paper: status([state], GOOD[0].at + 57, paper), Paper(width=100))


@pytest.mark.parametrize(("name", "events"), [("contest", CONTEST), ("hopeless", HOPELESS), ("alone", ALONE)])
def test_show_tells_how_a_shadow_came_out(name: str, events: tuple[Recorded, ...]) -> None:
    """What each challenger answered and how well, what its gates said, and why it goes on or not."""
    shown = printed(lambda paper: show(events, NOW, paper), Paper(width=120))
    assert page(f"show-{name}") == shown.split("── events", maxsplit=1)[0]


@pytest.mark.parametrize(("name", "seconds"), [("shadow", 55.0), ("canary", 90.0)])
def test_status_tells_challengers_in_a_line_each(name: str, seconds: float) -> None:
    """How far each has come, its answers, and later which of them was chosen."""
    state, feed = followed(until(CONTEST, seconds))
    feeds = {"fraud-scorer": replace(feed, address="")}
    shown = printed(lambda paper: status([state], GOOD[0].at + seconds, paper, feeds), Paper(width=80))
    assert page(f"status-contest-{name}") == shown


def test_lists_name_every_challenger_until_one_is_chosen() -> None:
    """Nobody is called the candidate before the choice."""
    states = [fold("one", until(CONTEST, 55.0)), fold("two", CONTEST)]
    every = printed(lambda paper: status(states, NOW, paper), Paper(width=120))
    past = printed(lambda paper: history(rollouts(HOPELESS), paper), Paper(width=120))
    assert "v2, v3 or v4" in every
    assert "copies: v2 100 %" in every
    assert "v1 → v2, v3 or v4" in past
    assert "v1 → v3 " in printed(lambda paper: history(rollouts(CONTEST), paper), Paper(width=120))


def test_late_labels_count_in_the_answers() -> None:
    """What becomes known after the promotion is added to what was known."""
    new = Answers(total=Pairs(labelled=4, cells=(Cell(truth="1", live="0", challenger="1", count=4),)))
    look = Look(number=99, start=0.0, end=0.0, weights={}, tallies=None, answers={"v3": new})
    before, after = followed(CONTEST)[1], followed(later(CONTEST, Reviewed(step=1, look=look)))[1]
    assert after.answers["v3"].labelled == before.answers["v3"].labelled + 4
    assert after.answers["v3"].right[1] == before.answers["v3"].right[1] + 4


def test_status_of_several_services_is_a_table() -> None:
    """One row each, however far each of them came."""
    states = [
        fold("fraud-scorer", GOOD),
        fold("ranking", BAD),
        fold("parked", later(until(GOOD, 55.0), Parked(reason="paused by bob"))),
        fold("stopped", later(GOOD, TornDown(by="ada"))),
        ServiceState(service="new"),
    ]
    assert page("status-all") == printed(lambda paper: status(states, NOW, paper), Paper(width=120))


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ([], "no service yet\n"),
        ([ServiceState(service="new")], "new  live: nothing\n"),
    ],
)
def test_status_of_little_is_short(states: list[ServiceState], said: str) -> None:
    """Nothing deployed yet is an answer, not an error."""
    assert said == printed(lambda paper: status(states, NOW, paper), Paper(width=80))


def test_status_after_down_does_not_pretend_to_serve() -> None:
    """A service that was stopped says so, and names neither traffic nor a way back that could not be gone."""
    state = fold("fraud-scorer", later(GOOD, TornDown(by="ada")))
    shown = printed(lambda paper: status([state], NOW, paper), Paper(width=80)).splitlines()
    assert shown[2:] == [" everything is stopped; up again with: mlship deploy PLAN"]


def _fault(source: str, line: int, column: int, message: str, *, path: str = "", hint: str = "") -> Fault:
    return Fault(source=source, line=line, column=column, path=path, message=message, hint=hint)


def test_faults_show_the_line_and_point_at_the_place(tmp_path: Path) -> None:
    """Every fault reads as a compiler's: place, message, the line, a caret, what to do."""
    plan = tmp_path / "plan.yaml"
    plan.write_text("service: fraud-scorer\nstages:\n  - wieghts: [1%]\n", encoding="utf-8")
    found = [
        _fault(str(plan), 3, 5, "unknown key", path="stages[0].wieghts", hint="did you mean weights?"),
        _fault(str(plan), 9, 1, "no such line"),
    ]
    shown = printed(lambda paper: faults(found, paper), Paper(width=200))
    assert shown.replace(str(plan), "plan.yaml") == page("faults")


def test_a_long_line_is_shown_around_its_fault() -> None:
    """A plan on one line of megabytes does not flood the terminal, and the caret still points at the place."""
    line = "x" * 500_000 + "BAD" + "y" * 500_000
    shown = printed(
        lambda paper: faults([_fault("p", 1, 500_001, "a")], paper, lambda _: [line]), Paper(width=120)
    ).splitlines()
    assert shown[2].index("^") == shown[1].index("BAD")
    assert max(map(len, shown)) < 80


@pytest.mark.parametrize("name", ["missing.yaml", "", "\0", "."])
def test_a_source_that_cannot_be_read_shows_no_lines(name: str) -> None:
    """A fault about a missing file is still told."""
    assert lines_of(name) == ()


def test_faults_survive_ascii() -> None:
    """What the terminal cannot show is replaced, never raised."""
    found = [_fault("p", 1, 1, "ä → b", path="größe")]
    shown = printed(lambda paper: faults(found, paper, lambda _: ["größe: ∞"]), Paper(width=80, glyphs=ASCII))
    assert shown.splitlines()[:2] == ["p:1:1: gr??e: ? -> b", "  1 | gr??e: ?"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    return _Terminal()


def _print(stream: io.StringIO) -> str:
    state = fold("fraud-scorer", GOOD)
    emit(lambda paper: status([state], NOW, paper), stream)
    return stream.getvalue()


def test_a_terminal_gets_colour(terminal: _Terminal) -> None:
    """A person sees verdicts at a glance."""
    assert "\x1b[" in _print(terminal)


def test_no_color_is_respected(terminal: _Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR takes the colours away and nothing else."""
    monkeypatch.setenv("NO_COLOR", "1")
    codes = re.findall(r"\x1b\[([\d;]*)m", _print(terminal))
    assert [code for code in codes if any(int(part or 0) >= 30 for part in code.split(";"))] == []
    assert "✓ promoted" in terminal.getvalue()


def test_a_pipe_gets_plain_text() -> None:
    """A pipe gets the same page without escape sequences or trailing spaces."""
    lines = _print(io.StringIO()).splitlines()
    assert [line for line in lines if "\x1b" in line or line != line.rstrip()] == []


def test_a_pipe_gets_one_sentence_per_line() -> None:
    """Long sentences are not wrapped where nobody has a window, so that `grep` finds them whole."""
    stream = io.StringIO()
    emit(lambda paper: show(BAD, NOW, paper), stream, width=60)
    waits = "waits for at least 30s and 100 requests and gates no-more-errors, not-slower"
    assert any(line.endswith(f"step 2 of 6, canary 5 %, in place, {waits}") for line in stream.getvalue().splitlines())
