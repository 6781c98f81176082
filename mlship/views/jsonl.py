"""One event per line for machines, as `schemas/event.v1.json` says."""

from __future__ import annotations

import json
from typing import TextIO

from mlship.journal.codec import line
from mlship.journal.events import Recorded


class JsonView:
    """Every event, nothing summarised; ASCII, so that no encoding can spoil it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, recorded: Recorded) -> None:
        """Print the event as one line of JSON."""
        self._stream.write(json.dumps(line(recorded), separators=(",", ":")) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing is held back, so nothing is left to do."""
        self._stream.flush()
