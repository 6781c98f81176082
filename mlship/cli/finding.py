"""One line of `doctor`."""

from __future__ import annotations

from typing import Literal

import msgspec

Mark = Literal["ok", "warn", "FAIL"]
COLOURS = {"ok": "green", "warn": "yellow", "FAIL": "red"}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at."""

    mark: Mark
    subject: str
    message: str
    hint: str = ""

    @property
    def colour(self) -> str:
        """The colour of the mark."""
        return COLOURS[self.mark]
