"""Where a router lives: on this machine or in a container somewhere. What it is told is the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from mlship.dataplane.upstream import RouterSettings

if TYPE_CHECKING:
    from mlship.dataplane.admin import Administration


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A router that runs."""

    life: str
    """Told apart from every other life of it."""
    address: str
    """Where users send their requests."""


class Files(Protocol):
    """The files of one router, by name.

    Raises, from every method that changes something:
        OutOfReach: it cannot be written; what was there stands.
    """

    @property
    def folder(self) -> Path:
        """Their folder, as the router sees it."""
        ...

    def read(self, name: str) -> str | None:
        """What is in a file; None where there is none."""
        ...

    def texts(self, pattern: str) -> Sequence[str]:
        """What is in all files whose names match a shell's pattern."""
        ...

    def replace(self, name: str, text: str, *, keep: str = "") -> None:
        """Write a file, by rename: a reader sees the old text or the new one.

        A file named `keep` is what was there before; where that was nothing, it is not there either.
        """
        ...

    def restore(self, copy: str, name: str) -> None:
        """Rename `copy`, if it is there, to `name`."""
        ...

    def remove(self, pattern: str) -> None:
        """Remove every file whose name matches."""
        ...


class Place(Protocol):
    """One router: its files, its administration, its log, its life."""

    @property
    def files(self) -> Files:
        """Its configuration."""
        ...

    @property
    def running(self) -> Started | None:
        """The router that runs now, asked of the system."""
        ...

    @property
    def admin(self) -> Administration:
        """The administration of the router that runs.

        Raises:
            OutOfReach: none does.
        """
        ...

    @property
    def log(self) -> str:
        """Where a person finds what the router says."""
        ...

    def log_end(self) -> str:
        """The end of the log as it is now."""
        ...

    def said(self, since: str) -> Sequence[str]:
        """The last lines of the log behind an end that it had."""
        ...

    def prepare(self) -> None:
        """Make what must be there before files are written.

        Raises:
            OutOfReach: it cannot be made.
        """
        ...

    def admin_address(self) -> dict[str, object]:
        """Where the administration is to listen, in Envoy's words."""
        ...

    def start(self, settings: RouterSettings) -> None:
        """Start the router on its files, and wait until it serves.

        Raises:
            OutOfReach: it cannot be started, or its port is taken.
            RoutingRefused: it refuses its configuration.
        """
        ...

    def moved(self, settings: RouterSettings) -> None:
        """The router that runs has been told another address for users."""
        ...

    def rotate(self, now: float) -> None:
        """Give the files of answers and outcomes names of their own, and have the router begin new ones."""
        ...

    def end(self) -> None:
        """End the router, if it runs; what it has in hand is lost."""
        ...

    def forget(self) -> None:
        """There is no router any more, and no routing that would come back with it."""
        ...
