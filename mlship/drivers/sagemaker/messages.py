"""What AWS means: SageMaker says absent, busy and taken with one code, and only its words tell them apart."""

from __future__ import annotations

import re
from enum import Enum

from mlship.errors import UsageError


class Meaning(Enum):
    """Of a ValidationException."""

    BUSY = re.compile(r"Cannot \w+ in-progress\b")
    ABSENT = re.compile(r"Could not find\b")
    EXISTING = re.compile(r"Cannot create already existing\b")
    OTHER = re.compile("")


def meaning(text: str) -> Meaning:
    """What the words of a ValidationException stand for: they begin with it, names come later."""
    return next(each for each in Meaning if each.value.match(text))


class Refused(UsageError):
    """AWS refuses what was asked, for its meaning; `text` is in its own words."""

    def __init__(self, message: str, *, hint: str = "", text: str = "") -> None:
        super().__init__(message, hint=hint)
        self.text = text


class Busy(Refused):
    """The endpoint is being changed, and takes no other change meanwhile."""


class Absent(Refused):
    """There is nothing of that name; or not yet: reads may be late."""


class Existing(Refused):
    """The name is taken."""


KINDS: dict[Meaning, type[Refused]] = {
    Meaning.BUSY: Busy,
    Meaning.ABSENT: Absent,
    Meaning.EXISTING: Existing,
    Meaning.OTHER: Refused,
}


def internal(reason: str) -> bool:
    """AWS calls the failure of an update its own: another try may succeed."""
    return reason.startswith(("Request to service failed", "InternalServerError", "Internal server error"))
