"""The only place that time comes from."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time in seconds since the epoch, and waiting."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`; return earlier if woken."""
        ...


class SystemClock:
    """The machine's time. `wake` ends a sleep early, from a signal handler or another thread."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until `wake`."""
        if self._woken.wait(max(seconds, 0.0)):
            self._woken.clear()

    def wake(self) -> None:
        """End the sleep under way, or the next one."""
        self._woken.set()


class ManualClock:
    """Time that moves only when somebody sleeps: whole rollouts in milliseconds."""

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._now = start

    def now(self) -> float:
        """Seconds since the epoch, as far as the sleeps so far have carried it."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move time on by `seconds` at once."""
        self._now += max(seconds, 0.0)
