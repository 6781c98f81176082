"""Folders that only their owner may enter, whatever the umask is and however many of them are missing."""

from __future__ import annotations

from pathlib import Path


def make_private(folder: Path) -> None:
    """The folder and those above it that are missing, each 0700; what is there already is left as it is.

    Raises:
        OSError: it cannot be made.
    """
    if not folder.parent.exists():
        make_private(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
