"""One line of `doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mark = Literal["ok", "warn", "FAIL"]
COLOURS = {"ok": "green", "warn": "yellow", "FAIL": "red"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at."""

    mark: Mark
    subject: str
    message: str
    hint: str = ""

    @property
    def colour(self) -> str:
        """The colour of the mark."""
        return COLOURS[self.mark]
