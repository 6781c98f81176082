"""Whether users can have had anything of a service, by its record."""

from __future__ import annotations

from collections.abc import Iterable

from mlship.journal.events import BroughtUp, Intended, Promoted, Recorded, RolledBack, TornDown


def has_served(events: Iterable[Recorded]) -> bool:
    """Since the service was last down some routing was set, or may have been: one that failed may be there in part."""
    served = False
    for recorded in events:
        match recorded.event:
            case Intended(verb="route") | BroughtUp() | Promoted() | RolledBack():
                served = True
            case TornDown():
                served = False
            case _:
                pass
    return served
