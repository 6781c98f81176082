"""`show servers state`: a line per server, which is also the format of HAProxy's state file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import msgspec

FORCED_MAINT, CONFIGURED_MAINT, FORCED_DRAIN = 0x01, 0x04, 0x08
MAINT = 0x23
"""Forced, inherited from a tracked server, or for want of an address; a configured one is forced, too."""
DRAIN = 0x18
RUNNING = "2"

_BACKEND, _NAME, _STATE, _ADMIN, _WEIGHT = 1, 3, 5, 6, 7


class ServerState(msgspec.Struct, frozen=True, kw_only=True):
    """What a server gets, and what its owner has said about it."""

    weight: int
    admin: int
    """Flags of its administrative state."""

    @property
    def maintained(self) -> bool:
        """In maintenance: it gets nothing at all."""
        return bool(self.admin & MAINT)

    @property
    def forced(self) -> bool:
        """In maintenance by a command."""
        return bool(self.admin & FORCED_MAINT)

    @property
    def open(self) -> bool:
        """Neither in maintenance nor draining."""
        return not self.admin & (MAINT | DRAIN)


def states(text: str, backend: str) -> Mapping[str, ServerState]:
    """Server of the backend → its state."""
    found = (words for words in map(_words, text.splitlines()) if words[_BACKEND : _BACKEND + 1] == [backend])
    return {words[_NAME]: ServerState(weight=int(words[_WEIGHT]), admin=int(words[_ADMIN])) for words in found}


def settled(text: str, *, backend: str, parked: Collection[str]) -> str:
    """Without maintenance and drain of the moment, which would outlive what they were for; `parked` stay parked."""

    def settle(words: list[str]) -> list[str]:
        if words[_BACKEND] == backend and words[_NAME] in parked:
            return words
        return _ready(words)

    return _each(text, settle)


def reweighted(text: str, weights: Mapping[str, int], *, backend: str, awake: Collection[str]) -> str:
    """With other weights for servers of the backend; `awake` are in maintenance no more."""

    def reweigh(words: list[str]) -> list[str]:
        if words[_BACKEND] != backend or words[_NAME] not in weights:
            return words
        ready = _ready(words) if words[_NAME] in awake else words
        return [*ready[:_WEIGHT], str(weights[words[_NAME]]), *ready[_WEIGHT + 1 :]]

    return _each(text, reweigh)


def _ready(words: list[str]) -> list[str]:
    admin = int(words[_ADMIN])
    cleared = admin & ~FORCED_DRAIN
    if not admin & CONFIGURED_MAINT:
        cleared &= ~FORCED_MAINT
    # HAProxy has stopped a server in maintenance without asking it: only with that does it come up.
    state = RUNNING if admin & MAINT and not cleared & MAINT else words[_STATE]
    return [*words[:_STATE], state, str(cleared), *words[_ADMIN + 1 :]]


def _each(text: str, change: Callable[[list[str]], list[str]]) -> str:
    lines = text.splitlines()
    return "".join(" ".join(change(words) if (words := _words(line)) else [line]) + "\n" for line in lines)


def _words(line: str) -> list[str]:
    """Of a server's line; of any other line none."""
    words = line.split(" ")
    return words if len(words) > _WEIGHT and words[0].isdigit() else []
