"""The emulator's time: moved by hand, or the machine's."""

from __future__ import annotations

import threading

from mlship.clock import SystemClock

START = 1_700_000_040.0
"""Where time begins that is moved by hand: a full minute."""


class EmulatedClock:
    """A `mlship.clock.Clock`: by hand it moves only by `advance` and `sleep`, else it is the machine's and more."""

    def __init__(self, *, manual: bool) -> None:
        self.manual = manual
        self._machine = SystemClock()
        self._moved = START if manual else 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds since the epoch."""
        with self._lock:
            return self._moved + (0.0 if self.manual else self._machine.now())

    def advance(self, seconds: float) -> None:
        """Move time on at once."""
        with self._lock:
            self._moved += max(seconds, 0.0)

    def sleep(self, seconds: float) -> None:
        """Move on by hand; else wait."""
        if self.manual:
            self.advance(seconds)
        else:
            self._machine.sleep(seconds)
