"""Who may change the service: a lock for the moment of a change, a fencing number for the time between."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mlship.clock import Clock
from mlship.dataplane.files import replace_file, writing
from mlship.errors import LeaseLost, OutOfReach
from mlship.private import make_private

LOCKED_WITHIN = 60.0
"""Seconds that a change of another process may take."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The right of one opened driver to change its service; the higher fencing number wins."""

    service: str
    folder: Path
    fence: int | None
    clock: Clock

    def take(self) -> None:
        """Claim the fencing number.

        Raises:
            LeaseLost: a higher one has been claimed.
        """
        with self.changing():
            if self._claimed() != self.fence:
                replace_file(self._file, str(self.fence))

    @contextmanager
    def changing(self) -> Iterator[None]:
        """A moment in which only this driver changes the service.

        Raises:
            LeaseLost: a driver with a higher fencing number holds the service.
        """
        with writing(self.folder):
            make_private(self.folder)
        with self._locked():
            self.check()
            yield

    def check(self) -> None:
        """Raise LeaseLost where somebody else holds the service."""
        if self.fence is None:
            raise LeaseLost(f"{self.service} was opened for looking only", hint="nothing was changed")
        if self._claimed() > self.fence:
            raise LeaseLost(f"another run took over {self.service}", hint="nothing was changed by this one")

    @property
    def _file(self) -> Path:
        return self.folder / "fence"

    def _claimed(self) -> int:
        try:
            return int(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            raise OutOfReach(
                f"{self._file} cannot be read: {error}", hint="remove it if no other mlship works on the service"
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        path = self.folder / "lock"
        with writing(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._wait_for(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _wait_for(self, descriptor: int) -> None:
        deadline = self.clock.now() + LOCKED_WITHIN
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self.clock.now() > deadline:
                    raise OutOfReach(
                        f"another mlship has been changing {self.service} for {LOCKED_WITHIN:g} s",
                        hint="see whether it hangs: ps aux | grep mlship",
                    ) from None
                self.clock.sleep(0.01)
            else:
                return
