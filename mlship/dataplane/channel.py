"""File-based xDS: write a file by rename, ask Envoy whether it took it, and put the old one back if it did not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from mlship.clock import Clock
from mlship.errors import OutOfReach, RoutingRefused

if TYPE_CHECKING:
    from mlship.dataplane.place import Place

CONFIRMED_WITHIN = 10.0
"""Seconds that Envoy may take to say that it took a file."""

LOG_WITHIN = 1.0
"""Seconds until a reason stands in Envoy's log; it is flushed four times a second."""

Resources = list[dict[str, Any]]


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says: a version, and the resources."""

    version: str = msgspec.field(name="version_info")
    resources: Resources


def decoded(text: str | None) -> Discovery | None:
    """What a file says; None where there is none, or it is torn."""
    try:
        return msgspec.json.decode(text or "", type=Discovery)
    except msgspec.MsgspecError:
        return None


def encoded(discovery: Discovery) -> str:
    """The text of a file."""
    return msgspec.json.encode(discovery).decode()


def previous(name: str) -> str:
    """Where the file before is kept until the new one is confirmed."""
    return f"previous-{name}"


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One file that Envoy watches, and the statistics in which it tells what became of it."""

    place: Place
    name: str
    scope: str
    clock: Clock

    def live(self) -> str:
        """The version that Envoy took last."""
        return self.place.admin.stats(f"{self.scope}.version_text").get(f"{self.scope}.version_text", "")

    def put(self, discovery: Discovery) -> None:
        """Replace the file and wait until Envoy has taken it.

        Raises:
            RoutingRefused: it did not; the file before is back.
            OutOfReach: the file cannot be written, or put back; what Envoy had is live.
        """
        refusals, log_end = self._refusals(), self.place.log_end()
        self.place.files.replace(self.name, encoded(discovery), keep=previous(self.name))
        try:
            self._confirmed(discovery.version, refusals, log_end)
        except RoutingRefused:
            self.place.files.restore(previous(self.name), self.name)
            raise

    def _confirmed(self, version: str, refusals: int, log_end: str) -> None:
        deadline, pause = self.clock.now() + CONFIRMED_WITHIN, 0.001
        while self.live() != version:
            if self._refusals() > refusals:
                raise RoutingRefused(
                    f"the router refused {self.name}: {self._reason(log_end)}",
                    hint=f"the configuration before is still live; the router's log is {self.place.log}",
                )
            if self.clock.now() > deadline:
                raise OutOfReach(
                    f"the router has not taken {self.name} within {CONFIRMED_WITHIN:g} s",
                    hint=f"the router's log is {self.place.log}",
                )
            self.clock.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def _refusals(self) -> int:
        names = [f"{self.scope}.{name}" for name in ("update_rejected", "update_failure")]
        return sum(int(value) for value in self.place.admin.stats(*names).values())

    def _reason(self, log_end: str) -> str:
        return eventually(lambda: reason(self.place.said(log_end)), clock=self.clock) or "it gave no reason"


def eventually(ask: Callable[[], str], *, clock: Clock) -> str:
    """The first answer that is not empty, or the last one."""
    deadline = clock.now() + LOG_WITHIN
    while not (answer := ask()) and clock.now() < deadline:
        clock.sleep(0.05)
    return answer


def reason(said: Iterable[str]) -> str:
    """Why Envoy refused something, as the lines of its log tell."""
    telling = ("rejected", "update failure", "[critical]", "cannot bind", "error adding")
    lines = [line for line in said if any(word in line for word in telling)]
    return lines[-1].split("] ")[-1].strip() if lines else ""
