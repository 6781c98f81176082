"""File-based xDS: write a file by rename, ask Envoy whether it took it, and put the old one back if it did not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mlship.clock import Clock
from mlship.dataplane.files import last_lines, replace_file, writing
from mlship.errors import OutOfReach, RoutingRefused

if TYPE_CHECKING:
    from mlship.dataplane.admin import Admin

CONFIRMED_WITHIN = 10.0
"""Seconds that Envoy may take to say that it took a file."""

LOG_WITHIN = 1.0
"""Seconds until a reason stands in Envoy's log; it is flushed four times a second."""

Resources = list[dict[str, Any]]


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says: a version, and the resources."""

    version: str = msgspec.field(name="version_info")
    resources: Resources


def read(file: Path) -> Discovery | None:
    """What is in the file; None where there is none, or it is torn."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Discovery)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def write(file: Path, discovery: Discovery) -> None:
    """Replace the file."""
    replace_file(file, msgspec.json.encode(discovery).decode())


def previous(file: Path) -> Path:
    """Where the file before is kept until the new one is confirmed."""
    return file.with_name(f"previous-{file.name}")


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One file that Envoy watches, and the statistics in which it tells what became of it."""

    file: Path
    scope: str
    admin: Admin
    log: Path
    clock: Clock

    def live(self) -> str:
        """The version that Envoy took last."""
        return self.admin.stats(f"{self.scope}.version_text").get(f"{self.scope}.version_text", "")

    def put(self, discovery: Discovery) -> None:
        """Replace the file and wait until Envoy has taken it.

        Raises:
            RoutingRefused: it did not; the file before is back.
            OutOfReach: the file cannot be written, or put back; what Envoy had is live.
        """
        refusals, log_size = self._refusals(), self._log_size()
        self._keep_previous()
        write(self.file, discovery)
        try:
            self._confirmed(discovery.version, refusals, log_size)
        except RoutingRefused:
            self._restore()
            raise

    def _confirmed(self, version: str, refusals: int, log_size: int) -> None:
        deadline, pause = self.clock.now() + CONFIRMED_WITHIN, 0.001
        while self.live() != version:
            if self._refusals() > refusals:
                raise RoutingRefused(
                    f"the router refused {self.file.name}: {self._reason(log_size)}",
                    hint=f"the configuration before is still live; the router's log is {self.log}",
                )
            if self.clock.now() > deadline:
                raise OutOfReach(
                    f"the router has not taken {self.file.name} within {CONFIRMED_WITHIN:g} s",
                    hint=f"the router's log is {self.log}",
                )
            self.clock.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def _refusals(self) -> int:
        names = [f"{self.scope}.{name}" for name in ("update_rejected", "update_failure")]
        return sum(int(value) for value in self.admin.stats(*names).values())

    def _log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def _reason(self, log_size: int) -> str:
        return eventually(lambda: reason(self.log, start=log_size), clock=self.clock) or "it gave no reason"

    def _keep_previous(self) -> None:
        kept = previous(self.file)
        with writing(kept):
            kept.unlink(missing_ok=True)
            if self.file.exists():
                os.link(self.file, kept)

    def _restore(self) -> None:
        kept = previous(self.file)
        with writing(self.file):
            if kept.exists():
                kept.replace(self.file)


def eventually(ask: Callable[[], str], *, clock: Clock) -> str:
    """The first answer that is not empty, or the last one."""
    deadline = clock.now() + LOG_WITHIN
    while not (answer := ask()) and clock.now() < deadline:
        clock.sleep(0.05)
    return answer


def reason(log: Path, *, start: int = 0) -> str:
    """Why Envoy refused something, as its log tells."""
    telling = ("rejected", "update failure", "[critical]", "cannot bind", "error adding")
    lines = [line for line in last_lines(log, 200, start=start) if any(word in line for word in telling)]
    return lines[-1].split("] ")[-1].strip() if lines else ""
