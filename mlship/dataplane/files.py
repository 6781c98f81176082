"""Files that are replaced whole or not at all, readable by their owner only."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mlship.errors import OutOfReach

_HINTS = {
    errno.ENOSPC: "free some space on that disk; the routing before is still live",
    errno.EDQUOT: "free some of your disk quota; the routing before is still live",
    errno.EROFS: "the disk is read-only: set MLSHIP_STATE to a folder that can be written",
    errno.EACCES: "make the folder writable, or set MLSHIP_STATE to another one",
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Map what the disk refuses.

    Raises:
        OutOfReach: it cannot be written.
    """
    try:
        yield
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, "check the folder and its disk")
        raise OutOfReach(f"{path} cannot be written: {error.strerror or error}", hint=hint) from error


def make_folder(path: Path) -> None:
    """A folder that only its owner may enter.

    Raises:
        OutOfReach: it cannot be made.
    """
    with writing(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


def replace_file(path: Path, text: str) -> None:
    """Write `text` to `path`: a reader sees the old text or the new one, also after a power cut.

    Raises:
        OutOfReach: it cannot be written; the old text stands.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with writing(path):
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise


def last_lines(path: Path, count: int, *, start: int = 0) -> tuple[str, ...]:
    """The last lines of a text file that follow byte `start`; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start, size - 64 * 1024))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ()
    return tuple(line.rstrip()[:500] for line in lines if line.strip())[-count:]


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one router in a folder of this machine."""

    folder: Path

    def read(self, name: str) -> str | None:
        """What is in a file; None where it cannot be read."""
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeError):
            return None

    def texts(self, pattern: str) -> list[str]:
        """What is in all files whose names match."""
        found = (self.read(file.name) for file in self.folder.glob(pattern))
        return [text for text in found if text is not None]

    def replace(self, name: str, text: str, *, keep: str = "") -> None:
        """Write a file, by rename; `keep` is a second link to the one before.

        Raises:
            OutOfReach: it cannot be written; the old text stands.
        """
        if keep:
            self._keep(self.folder / name, self.folder / keep)
        replace_file(self.folder / name, text)

    def restore(self, copy: str, name: str) -> None:
        """Rename a copy, if it is there.

        Raises:
            OutOfReach: it cannot be renamed.
        """
        file, kept = self.folder / name, self.folder / copy
        with writing(file):
            if kept.exists():
                kept.replace(file)

    def remove(self, pattern: str) -> None:
        """Remove files.

        Raises:
            OutOfReach: one cannot be removed.
        """
        with writing(self.folder):
            for file in self.folder.glob(pattern):
                file.unlink(missing_ok=True)

    def _keep(self, file: Path, kept: Path) -> None:
        with writing(kept):
            kept.unlink(missing_ok=True)
            if file.exists():
                os.link(file, kept)
