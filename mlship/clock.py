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
    """The machine's time. Another thread may `wake` a sleep; a signal handler may `interrupt` it."""

    def __init__(self) -> None:
        self._stirred = threading.Event()
        self._interrupted = False

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, or until `wake`.

        Raises:
            KeyboardInterrupt: `interrupt` was called, during this sleep or since the last one. Sleeps are the only
                places where a run may be cut: never inside an act.
        """
        stirred = self._stirred.wait(max(seconds, 0.0))
        if stirred:
            self._stirred.clear()
        if self._interrupted:
            self._interrupted = False
            raise KeyboardInterrupt

    def wake(self) -> None:
        """End the sleep under way, or the next one."""
        self._stirred.set()

    def interrupt(self) -> None:
        """Make the sleep under way, or the next one, raise KeyboardInterrupt."""
        self._interrupted = True
        self._stirred.set()


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
