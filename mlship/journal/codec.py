"""Events to JSON and back, exactly; and the public line that `--output json` prints."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, get_args

import msgspec

from mlship.errors import JournalUnavailable
from mlship.journal.events import Event, Recorded

VERSION = 1
"""Of the JSON form; fields may be added under the same number, never changed or removed."""


def kebab(kind: type[Event]) -> str:
    """The name of an event type in JSON: RollbackBegun is "rollback-begun"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


KINDS: Mapping[str, type[Event]] = {kebab(kind): kind for kind in get_args(Event)}


def encode(event: Event) -> str:
    """One line of ASCII; infinities are kept as `Infinity`, which only `decode` reads."""
    return json.dumps({"v": VERSION, "type": kebab(type(event)), **_fields(event)}, separators=(",", ":"))


def decode(text: str) -> Event:
    """The event that `encode` wrote.

    Raises:
        JournalUnavailable: a newer mlship wrote it, or it is damaged.
    """
    with intact("an event"):
        return _event(json.loads(text))


RESTORE = "Restore journal.db from a backup, or move it away to begin a new record."


@contextmanager
def intact(what: str, hint: str = RESTORE) -> Iterator[None]:
    """What does not read as what was written becomes `JournalUnavailable`."""
    try:
        yield
    except (ValueError, TypeError, KeyError, RecursionError, msgspec.MsgspecError) as error:
        raise JournalUnavailable(
            f"{what} in the journal is damaged: {error}",
            hint=hint,
        ) from error


def line(recorded: Recorded) -> dict[str, Any]:
    """The event as one object of `schemas/event.v1.json`; a number that JSON cannot hold becomes null."""
    return {
        "v": VERSION,
        "seq": recorded.seq,
        "at": timestamp(recorded.at),
        "service": recorded.service,
        "rollout": recorded.rollout,
        "type": kebab(type(recorded.event)),
        **_finite(_fields(recorded.event)),
    }


def timestamp(at: float) -> str:
    """RFC 3339 in UTC with milliseconds."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _event(document: dict[str, Any]) -> Event:
    kind = KINDS.get(document["type"])
    if kind is None or document["v"] > VERSION:
        raise JournalUnavailable(
            f"the journal holds an event of a newer mlship: {document['type']}, version {document['v']}",
            hint="Update mlship on this machine to at least the version that wrote it.",
        )
    return msgspec.convert(document, kind)


def _fields(event: Event) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(event, enc_hook=_plain)
    return fields


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in an event")


def _finite(value: Any) -> Any:  # noqa: ANN401 - JSON is any of its types
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case _:
            return value
