"""The dashboard of `deploy` and `watch`, redrawn in place a few times a second."""

from __future__ import annotations

from rich.console import Console, Group
from rich.live import Live

from mlship.clock import Clock
from mlship.journal.events import Recorded
from mlship.journal.fold import apply
from mlship.journal.state import ServiceState
from mlship.views.dashboard import dashboard
from mlship.views.feed import Feed
from mlship.views.glyphs import ASCII, UNICODE
from mlship.views.paper import Paper

PER_SECOND = 4


class LiveView:
    """Folds events as they come; a thread of rich draws the latest state, so that time passes on the screen too."""

    def __init__(
        self, console: Console, clock: Clock, state: ServiceState, *, feed: Feed | None = None, ticking: bool = True
    ) -> None:
        """`state`, `feed`: before the first event that will be shown; without `ticking`, only events redraw."""
        self._console = console
        self._clock = clock
        self._ticking = ticking
        # One tuple, replaced whole: the drawing thread never sees a state and a feed that do not belong together.
        self._seen = (state, feed or Feed())
        self._size = console.size
        self._live = Live(
            console=console,
            get_renderable=self._frame,
            refresh_per_second=PER_SECOND,
            auto_refresh=ticking,
            vertical_overflow="crop",
        )

    def show(self, recorded: Recorded) -> None:
        """Take the event in; it is on the screen a quarter of a second later."""
        state, feed = self._seen
        self._seen = (apply(state, recorded), feed.after(recorded))
        if not self._live.is_started:
            self._live.start(refresh=True)
        elif not self._ticking:
            self._live.refresh()

    def close(self) -> None:
        """Draw the last state, leave it there and give the cursor back."""
        self._live.stop()

    def _frame(self) -> Group:
        if self._console.size != self._size:
            # The lines drawn before are wrapped anew by the terminal, so nobody knows any longer where they begin.
            self._size = self._console.size
            self._console.clear()
        state, feed = self._seen
        glyphs = UNICODE if self._console.encoding.startswith("utf") else ASCII
        # One line stays free: the prompt comes back there, and nothing of the last frame scrolls away.
        paper = Paper(width=self._size.width, height=self._size.height - 1, glyphs=glyphs)
        return dashboard(state, feed, self._clock.now(), paper)
