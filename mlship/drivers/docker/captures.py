"""Kept answers and outcomes, brought here from the router's container: the rest of mlship reads them as local files."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import msgspec

from mlship.clock import Clock
from mlship.dataplane.files import make_folder, writing
from mlship.drivers.docker.place import ContainerPlace

SETTLED = 5.0
"""Seconds after which the router surely writes to a rotated file no more."""


class Captures(msgspec.Struct, frozen=True, kw_only=True):
    """The rotated files of a router, and their copies in a folder here."""

    place: ContainerPlace
    folder: Path
    clock: Clock

    def fetch(self, *, all_of_it: bool = False) -> None:
        """Copy what has come since, and drop over there what is whole here; `all_of_it`: the router writes no more.

        Raises:
            OutOfReach: the container is gone, or this disk is full.
        """
        make_folder(self.folder)
        there = f"{self.place.files.folder}/captures"
        listed = self._run(f"cd {there} && stat -c '%s %n' predictions.*.jsonl feedback.*.jsonl 2>/dev/null; true")
        for line in listed.decode().splitlines():
            size, _, name = line.partition(" ")
            number = name.split(".")[1]
            settled = all_of_it or (number.isdigit() and self.clock.now() - int(number) / 1000 > SETTLED)
            self._bring(f"{there}/{name}", size=int(size), settled=settled)

    def _bring(self, path: str, *, size: int, settled: bool) -> None:
        mine = self.folder / Path(path).name
        with writing(mine):
            have = mine.stat().st_size if mine.exists() else 0
            if size > have:
                data = self._run(f"tail -c +{have + 1} {quote(path)} | head -c {size - have}")
                mine.touch(mode=0o600)
                with mine.open("ab") as file:
                    file.write(data)
        if settled:
            self._run(f"rm -f {quote(path)}")

    def _run(self, script: str) -> bytes:
        return self.place.session.run(script) or b""
