"""Ctrl-C, SIGTERM and a lost terminal: the first parks at the next safe point, the second leaves at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from types import FrameType, TracebackType
from typing import Self

from mlship.clock import SystemClock
from mlship.errors import Exit

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

STDOUT = 1
SHOW_CURSOR = b"\x1b[?25h"


class Signals(AbstractContextManager["Signals"]):
    """Handlers for as long as the context lasts. A rollback under way is finished, not parked.

    `way_on`: where things stand and how to go on, for who leaves at once.
    """

    def __init__(
        self,
        *,
        clock: SystemClock,
        rolling_back: Callable[[], bool],
        way_on: Callable[[], str],
        say: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._rolling_back = rolling_back
        self._way_on = way_on
        self._say = say
        self._count = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._count += 1
        if self._count > 1:
            try:
                self._say(f"left at once: {self._way_on()}")
                _give_the_cursor_back()
            finally:
                os._exit(Exit.INTERRUPTED)
        if self._rolling_back():
            self._say("a rollback is under way and will be finished; once more leaves at once")
        else:
            self._say("parking at the next safe point; once more leaves at once")
            self._clock.interrupt()


def _give_the_cursor_back() -> None:
    """Nobody closes the dashboard that has hidden it."""
    with suppress(OSError):
        if os.isatty(STDOUT):
            os.write(STDOUT, SHOW_CURSOR)
