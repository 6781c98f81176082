"""Which servers of an HAProxy are in maintenance because mlship has put them there: nobody else's are ever touched."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import msgspec

from mlship.dataplane.files import replace_file
from mlship.errors import OutOfReach


class Parking(msgspec.Struct, frozen=True, kw_only=True):
    """A file of names: HAProxy does not say who has parked a server."""

    file: Path

    @property
    def names(self) -> frozenset[str]:
        """As noted; somebody may have taken some of them out since."""
        try:
            return frozenset(self.file.read_text(encoding="utf-8").split())
        except (OSError, UnicodeError):
            return frozenset()

    def note(self, names: Collection[str]) -> None:
        """These, and no other."""
        if names == self.names:
            return
        # A rollback goes on with a full disk: its servers are then made ready by hand.
        with suppress(OutOfReach):
            replace_file(self.file, "".join(f"{name}\n" for name in sorted(names)))
