import io

from rich.console import Console

from mlship.clock import ManualClock
from mlship.journal.state import ServiceState
from mlship.views.live import LiveView
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
        address="127.0.0.1:8080",
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
