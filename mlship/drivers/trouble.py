"""What a driver finds wrong with itself, for `mlship doctor`: beyond the five verbs, where a driver offers it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol, runtime_checkable

import msgspec


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, and what to do about it."""

    message: str
    hint: str
    grave: bool = True
    """It is in the way of the users or of the next command; False: it can wait."""

    @property
    def mark(self) -> Literal["warn", "FAIL"]:
        """How `doctor` shows it."""
        return "FAIL" if self.grave else "warn"


@runtime_checkable
class SelfExamining(Protocol):
    """A driver that can say more of its service than `observe` does. Nothing is changed."""

    def troubles(self, *, fence: int, held: bool) -> Iterator[Trouble]:
        """`fence`: the highest fencing number given out for the service; `held`: somebody is at work on it."""
        ...


@runtime_checkable
class Equipped(Protocol):
    """A driver that needs programs which may be missing."""

    @staticmethod
    def equipment() -> Iterator[Trouble]:
        """What is missing on this machine, or of another version than it should be; nothing is left running."""
        ...
