"""A shell in a container, kept open: an exec of its own for every command would take fifty times as long.

No text of a plan is ever part of a command: names are ours, and what is variable goes in as data.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from mlship.drivers.docker.daemon import SPACE_HINT, no_space
from mlship.drivers.docker.stream import STDOUT, Stream
from mlship.errors import OutOfReach

if TYPE_CHECKING:
    from docker import DockerClient

PATIENCE = 30.0
"""Seconds in which a command must say something, or end."""


class Shell:
    """`bash` in a container."""

    def __init__(self, client: DockerClient, container: str) -> None:
        self._stream = Stream(client, container, ["bash", "--norc", "--noprofile"], patience=PATIENCE)
        self._end = secrets.token_hex(12)
        self.dead = False

    def run(self, script: str, data: bytes = b"", *, patience: float = PATIENCE) -> bytes:
        """What the script writes; `data` is what its first command must read, whatever becomes of the others.

        Raises:
            OutOfReach: the script fails, says nothing for `patience` seconds, or the container is gone.
        """
        try:
            self._stream.wait(patience)
            # Both outputs end, because what comes by the one may overtake what was written to the other before.
            ends = f"printf '\\n%s %d\\n' {self._end} $?; printf '%s\\n' {self._end} >&2\n"
            self._stream.send(script.encode() + b"\n" + data + ends.encode())
            said, failed, complaint = self._answer()
        except OutOfReach:
            self.dead = True
            raise
        if failed:
            hint = SPACE_HINT if no_space(complaint) else "its image needs bash and coreutils"
            raise OutOfReach(f"the router's container could not do its part: {complaint or failed}", hint=hint)
        return said

    def close(self) -> None:
        """Let it end."""
        self.dead = True
        self._stream.close()

    def _answer(self) -> tuple[bytes, int, str]:
        said, complaint, end = bytearray(), bytearray(), f"\n{self._end} ".encode()
        complained = f"{self._end}\n".encode()
        while True:
            kind, piece = self._stream.receive()
            if not piece:
                why = complaint.decode("utf-8", "replace").strip() or said.decode("utf-8", "replace").strip()
                raise OutOfReach(
                    f"the shell in the container has ended: {why[:200] or 'it was stopped'}",
                    hint="the image needs bash; distroless ones have none (driver.docker.router.image)",
                )
            (said if kind == STDOUT else complaint).extend(piece)
            at = said.rfind(end)
            if at >= 0 and said.endswith(b"\n") and at + len(end) < len(said) and complaint.endswith(complained):
                status, told = int(said[at + len(end) :]), complaint.removesuffix(complained)
                return bytes(said[:at]), status, told.decode("utf-8", "replace").strip()[-200:]


class Session:
    """The shell of a container that may end and start again at any time."""

    def __init__(self, opened: Callable[[], Shell | None]) -> None:
        self._opened = opened
        self._shell: Shell | None = None

    def open(self) -> None:
        """Have the shell started; the first script waits for the end of that.

        Raises:
            OutOfReach: it cannot be started.
        """
        if self._shell is None:
            self._shell = self._opened()

    def run(self, script: str, data: bytes = b"", *, patience: float = PATIENCE, again: bool = True) -> bytes | None:
        """As `Shell.run`; None: the container does not run.

        With `again` a script may be run twice, the first time not to its end: its shell may have gone before.

        Raises:
            OutOfReach: the script fails.
        """
        for last in (not again, True):
            self.open()
            if self._shell is None:
                return None
            try:
                return self._shell.run(script, data, patience=patience)
            except OutOfReach:
                gone = self._shell.dead
                if gone:
                    self.close()
                if last or not gone:
                    raise
        raise AssertionError

    def close(self) -> None:
        """Let the shell end; the next script opens another."""
        if self._shell is not None:
            self._shell.close()
        self._shell = None
