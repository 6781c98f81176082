"""The files in which a router keeps answers and outcomes until somebody reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from mlship.dataplane.files import make_folder, writing

MOST = 256 * 1024 * 1024
"""Bytes that a service's spool may have, all its files together."""

KEY_BYTES = 8


class Spool(msgspec.Struct, frozen=True, kw_only=True):
    """`predictions.jsonl` and `feedback.jsonl`, which grow, and `<name>.<number>.jsonl`, which do not any more.

    Half of `most` is for what grows, half for what waits to be read; of each, three quarters for predictions.
    """

    folder: Path
    most: int = MOST

    @property
    def predictions(self) -> Path:
        """One line per kept answer."""
        return self.folder / "predictions.jsonl"

    @property
    def feedback(self) -> Path:
        """One line per outcome."""
        return self.folder / "feedback.jsonl"

    @property
    def key(self) -> Path:
        """The secret by which units are hashed; as old as the folder, so that a unit keeps its hash."""
        return self.folder / "unit.key"

    def bound(self, file: Path) -> int:
        """Bytes that a growing file may have."""
        return self.most * (3 if file == self.predictions else 1) // 8

    def prepare(self) -> None:
        """Make the folder and the secret.

        Raises:
            OutOfReach: they cannot be written.
        """
        if self.key.exists():
            return
        make_folder(self.folder)
        partial = self.key.with_name(f".{self.key.name}.{os.getpid()}")
        with writing(self.key):
            partial.touch(mode=0o600)
            partial.write_bytes(os.urandom(KEY_BYTES))
            partial.replace(self.key)

    def waiting(self, file: Path) -> Iterator[Path]:
        """The rotated files of a growing one, oldest first."""
        found = [(_number(path), path) for path in self.folder.glob(f"{file.stem}.*.jsonl")]
        yield from (path for number, path in sorted(found) if number)

    def rotate(self, now: float) -> bool:
        """Give the growing files names of their own; whether there was one.

        A file grows on, up to its bound, while what waits to be read already has as much as it may.
        """
        done = [self._set_aside(file, now) for file in (self.predictions, self.feedback)]
        return any(done)

    def _set_aside(self, file: Path, now: float) -> bool:
        rotated = list(self.waiting(file))
        size = _size(file)
        if not size or (sum(map(_size, rotated)) + size > self.bound(file) and rotated):
            return False
        number = max(round(now * 1000), *(_number(path) + 1 for path in rotated), 1)
        with suppress(FileNotFoundError), writing(file):
            file.rename(self.folder / f"{file.stem}.{number}.jsonl")
        return True


def _number(path: Path) -> int:
    text = path.name.split(".")[1]
    return int(text) if text.isdigit() else 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
