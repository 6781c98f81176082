import io

import pytest
from rich.console import Console, ConsoleDimensions

from mlship.clock import ManualClock
from mlship.journal.state import ServiceState
from mlship.views.feed import Feed
from mlship.views.jsonl import JsonView
from mlship.views.live import LiveView
from mlship.views.plain import PlainView
from mlship.views.view import View
from tests.views.scenes import BAD, GOOD, page


def _console(stream: io.StringIO) -> Console:
    return Console(file=stream, force_terminal=True, width=80, height=24, color_system=None)


def test_the_last_state_stays_on_the_screen() -> None:
    """After the end the terminal shows how it ended, with the cursor given back."""
    stream = io.StringIO()
    view = LiveView(
        _console(stream),
        ManualClock(BAD[-1].at + 2),
        ServiceState(service="fraud-scorer"),
        feed=Feed(address="127.0.0.1:8080"),
        ticking=False,
    )
    for recorded in BAD:
        view.show(recorded)
    view.close()
    drawn = stream.getvalue().rsplit("\x1b[2K", 1)[-1].removesuffix("\x1b[?25h")
    assert page("rolled-back-80x23") == "".join(f"{line.rstrip()}\n" for line in drawn.splitlines())
    assert stream.getvalue().endswith("\x1b[?25h")


def test_a_view_that_showed_nothing_leaves_nothing() -> None:
    """A deploy that is refused before its first event does not draw."""
    stream = io.StringIO()
    LiveView(_console(stream), ManualClock(), ServiceState(service="s")).close()
    assert stream.getvalue() == ""


def test_time_passes_on_the_screen_between_events() -> None:
    """The drawing thread starts with the first event and ends with close."""
    stream = io.StringIO()
    view = LiveView(_console(stream), ManualClock(GOOD[0].at), ServiceState(service="fraud-scorer"))
    view.show(GOOD[0])
    view.close()
    assert "fraud-scorer" in stream.getvalue()


def test_a_terminal_that_changes_its_size_is_drawn_anew() -> None:
    """Nothing of the old frame stays behind, and the new one fits."""
    stream = io.StringIO()
    console = _console(stream)
    view = LiveView(console, ManualClock(GOOD[0].at), ServiceState(service="fraud-scorer"), ticking=False)
    view.show(GOOD[0])
    console.size = ConsoleDimensions(50, 20)
    view.show(GOOD[1])
    _, cleared, drawn = stream.getvalue().rpartition("\x1b[2J")
    view.close()
    assert cleared
    frame = drawn.rsplit("\x1b[2K", 1)[-1].splitlines()
    assert len(frame) < 20
    assert max(map(len, frame)) <= 50


def test_every_view_can_stand_in_for_another() -> None:
    """Terminal, log and machine get the same events through the same two verbs."""
    streams = io.StringIO(), io.StringIO(), io.StringIO()
    live = LiveView(_console(streams[0]), ManualClock(), ServiceState(service="fraud-scorer"), ticking=False)
    views: tuple[View, ...] = (live, PlainView(streams[1]), JsonView(streams[2]))
    for view in views:
        view.show(GOOD[0])
        view.close()
    assert all("v2" in stream.getvalue() for stream in streams)


class _Screen(io.RawIOBase):
    """Keeps what each system call would have written."""

    def __init__(self) -> None:
        self.writes: list[str] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        assert isinstance(data, bytes | memoryview)
        self.writes.append(bytes(data).decode())
        return len(data)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 40)])
def test_a_frame_is_one_write(width: int, height: int) -> None:
    """No terminal ever shows a frame that is erased and not drawn again: so nothing flickers."""
    screen = _Screen()
    stream = io.TextIOWrapper(io.BufferedWriter(screen), encoding="utf-8")
    console = Console(file=stream, force_terminal=True, width=width, height=height, color_system="truecolor")
    view = LiveView(console, ManualClock(GOOD[0].at), ServiceState(service="fraud-scorer"), ticking=False)
    for recorded in GOOD:
        view.show(recorded)
    view.close()
    frames = [write for write in screen.writes if "\x1b[2K" in write]
    assert len(frames) >= len(GOOD) - 1
    assert [frame for frame in frames if "way back" not in frame.rpartition("\x1b[2K")[2]] == []
