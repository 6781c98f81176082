"""One line per event, for pipes and CI logs."""

from __future__ import annotations

from typing import TextIO

from mlship.journal.events import Recorded
from mlship.views.glyphs import for_stream
from mlship.views.news import News
from mlship.views.words import utc


class PlainView:
    """Timestamp in UTC, then a sentence; no colour, and looks only when they say something new."""

    def __init__(self, stream: TextIO, *, every: float = 30.0) -> None:
        self._stream = stream
        self._glyphs = for_stream(stream)
        self._news = News(every=every)

    def show(self, recorded: Recorded) -> None:
        """Print the event, unless it is a look without news."""
        self._news, told = self._news.after(recorded)
        if told is not None:
            line = self._glyphs.fit(f"{utc(recorded.at)} {recorded.service}: {told}")
            self._stream.write(f"{line.rstrip()}\n")
            self._stream.flush()

    def close(self) -> None:
        """Nothing is held back, so nothing is left to do."""
        self._stream.flush()
