"""What every view of a rollout is."""

from __future__ import annotations

from typing import Protocol

from mlship.journal.events import Recorded


class View(Protocol):
    """Eyes on one service: gets every event of it once, in the order of the journal."""

    def show(self, recorded: Recorded) -> None:
        """Take one event in."""
        ...

    def close(self) -> None:
        """Leave what was shown behind, complete; nothing is shown afterwards."""
        ...
