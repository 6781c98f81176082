"""What is wrong with a plan, where, and what to do: every fault at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from os import PathLike

from mlship.errors import UsageError

MOST_SHOWN = 200
"""Faults that are reported; a plan with more is not read to its end."""

Steps = tuple[str | int, ...]
"""A path in the plan: ("stages", 0, "weights", 2)."""

_LONGEST = 60
_WORD = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file; line and column count from 1."""

    source: str
    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong; line and column count from 1."""

    source: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}:{self.column}: "
        path = f"{self.path}: " if self.path else ""
        return where + path + self.message + (f" ({self.hint})" if self.hint else "")


class PlanError(UsageError):
    """The plan has faults; nothing was touched. As text it is all of them, one per line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        number = "a fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        super().__init__(f"{self.faults[0].source} has {number}: nothing was touched")

    def __str__(self) -> str:
        return "\n".join(map(str, self.faults))


def _fault(place: Place, path: Steps, message: str, hint: str) -> Fault:
    return Fault(
        source=place.source, line=place.line, column=place.column, path=spelled(path), message=message, hint=hint
    )


class Findings:
    """The faults found so far."""

    def __init__(self) -> None:
        self._faults: dict[Fault, None] = {}
        self._spots: set[Place] = set()
        self.paths: set[Steps] = set()

    def __bool__(self) -> bool:
        return bool(self._faults)

    @property
    def full(self) -> bool:
        """There are as many as will be shown."""
        return len(self._faults) >= MOST_SHOWN

    def covers(self, place: Place) -> bool:
        """Nothing more needs to be said about this place."""
        return self.full or place in self._spots

    def add(self, place: Place, path: Steps, message: str, hint: str = "") -> None:
        """One more fault, unless what stands at its place could not be read in the first place."""
        self.paths.add(path)
        if not self.covers(place):
            self._faults[_fault(place, path, message, hint)] = None

    def unreadable(self, place: Place, path: Steps, message: str, hint: str = "") -> None:
        """A fault after which nothing else that is said about this place would help."""
        self.add(place, path, message, hint)
        self._spots.add(place)

    def raise_if_any(self, *, first: str) -> None:
        """Stop here if something is wrong; faults of the file `first` come first.

        Raises:
            PlanError: with all faults, by position.
        """
        if self._faults:
            raise PlanError(
                sorted(self._faults, key=lambda fault: (fault.source != first, fault.source, fault.line, fault.column))
            )


def refused(place: Place, message: str, hint: str = "", path: Steps = ()) -> PlanError:
    """The error of a plan that cannot be read any further."""
    return PlanError([_fault(place, path, message, hint)])


def spelled(path: Steps) -> str:
    """A path as people write it: `stages[0].weights[2]`."""
    parts = [_spelled(step) for step in path]
    return "".join(parts).removeprefix(".")


def _spelled(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _WORD.fullmatch(step) and len(step) <= _LONGEST else f"[{shown(step)}]"


def shown(value: object) -> str:
    """A value as it stands in a message: short, on one line, without characters that move a cursor."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str() | PathLike():
            return f'"{bare(str(value))}"'
        case _:
            return bare(str(value))


def bare(text: str) -> str:
    """A text as `shown`, without its quotes."""
    short = text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in short)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, as a hint; empty where none is near."""
    from difflib import get_close_matches

    meant = {name.lower().replace("_", "-"): name for name in islice(known, MOST_SHOWN)}
    found = get_close_matches(word[:_LONGEST].lower().replace("_", "-"), meant, n=1)
    return f"did you mean {bare(meant[found[0]])}?" if found else ""


def known_words(words: Sequence[str], *, none: str = "none") -> str:
    """Words as a list in a sentence, at most a dozen."""
    short = [bare(word) for word in words[:12]]
    return ", ".join(short) + (", ..." if len(words) > len(short) else "") or none


def suggestion(word: str, known: Iterable[str], *, what: str) -> str:
    """What was probably meant, or else all that there is."""
    names = sorted(known)
    return nearest(word, names) or f"{what}: {known_words(names)}"
