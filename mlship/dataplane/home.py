"""Where a router lives on disk, and how any shell finds the one that runs."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec

from mlship.dataplane.files import make_folder, replace_file, writing
from mlship.dataplane.life import Life, runs
from mlship.errors import OutOfReach

LONGEST_SOCKET = 100
"""Characters of a unix socket's path that every system takes (Linux 107, macOS 103)."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A router that was started."""

    life: Life
    admin: str
    address: str


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one router."""

    folder: Path

    @property
    def log(self) -> Path:
        """What Envoy says."""
        return self.folder / "envoy.log"

    @property
    def _record(self) -> Path:
        return self.folder / "router.json"

    def file(self, name: str) -> Path:
        """One of its configuration files."""
        return self.folder / name

    def running(self) -> Running | None:
        """The router that runs now, asked of the system."""
        try:
            found = msgspec.json.decode(self._record.read_bytes(), type=Running)
        except (OSError, msgspec.MsgspecError):
            return None
        return found if runs(found.life) else None

    def remember(self, router: Running) -> None:
        """Let every shell find it."""
        replace_file(self._record, msgspec.json.encode(router).decode())

    def forget(self) -> None:
        """There is no router any more, and no routing that would come back with it.

        Raises:
            OutOfReach: something of it cannot be removed.
        """
        files = [*self.folder.glob("*.json"), *self.folder.glob(".*.json.*"), self._here(), self._elsewhere()]
        for file in files:
            with writing(file):
                file.unlink(missing_ok=True)
        elsewhere = self._elsewhere().parent
        with writing(elsewhere):
            if elsewhere.is_dir():
                elsewhere.rmdir()

    def admin_socket(self) -> Path:
        """Where Envoy's admin socket goes: beside its files, or in a short folder of the user where that is too long.

        Not under XDG_RUNTIME_DIR: a logout empties it while the router runs on, and other shells may have another one.
        """
        socket = self._here() if len(os.fsencode(self._here())) <= LONGEST_SOCKET else self._elsewhere()
        for folder in [socket.parent] if socket == self._here() else [socket.parent.parent, socket.parent]:
            make_folder(folder)
            _must_be_private(folder)
        return socket

    def _here(self) -> Path:
        return self.folder / "admin.sock"

    def _elsewhere(self) -> Path:
        import hashlib

        name = hashlib.sha256(os.fsencode(self.folder.absolute())).hexdigest()[:16]
        return Path("/tmp") / f"mlship-{os.getuid()}" / name / "admin.sock"  # noqa: S108 - private, and checked to be


def _must_be_private(folder: Path) -> None:
    there = folder.lstat()
    if not stat.S_ISDIR(there.st_mode) or there.st_uid != os.getuid() or there.st_mode & 0o077:
        raise OutOfReach(
            f"{folder} must be a folder that only you can enter", hint=f"remove it, or run: chmod 700 {folder}"
        )
