"""What goes into a process in a container and comes out of it, over the daemon's own connection.

Out it comes in frames: a byte that says which stream, three zeros, the length as four bytes, and so many bytes
(Docker's Engine API, "Attach to a container").
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mlship.drivers.docker.daemon import asking
from mlship.errors import OutOfReach

if TYPE_CHECKING:
    from docker import DockerClient

STDOUT = 1

ENVIRONMENT = {"LC_ALL": "C"}
"""Bytes are bytes, and numbers have a point."""


class Stream:
    """One process in a container that was started for us, until it ends or is closed."""

    def __init__(self, client: DockerClient, container: str, command: Sequence[str], *, patience: float) -> None:
        with asking("run a command in a container"):
            made = client.api.exec_create(container, list(command), stdin=True, environment=ENVIRONMENT)
            held = client.api.exec_start(made["Id"], socket=True)
        self._held = held
        # A plain connection comes wrapped in a reader's half, which cannot be written to.
        self._socket: Any = getattr(held, "_sock", held)
        self.wait(patience)

    def wait(self, seconds: float) -> None:
        """How long a piece may take to come."""
        if hasattr(self._socket, "settimeout"):
            self._socket.settimeout(seconds)

    def send(self, data: bytes) -> None:
        """To the process.

        Raises:
            OutOfReach: it is gone.
        """
        with _broken():
            self._socket.sendall(data)

    def receive(self) -> tuple[int, bytes]:
        """(which stream, a piece of it); an empty piece: the process has ended.

        Raises:
            OutOfReach: the connection is gone, or nothing came in time.
        """
        with _broken():
            head = self._exactly(8)
            if len(head) < 8:
                return STDOUT, b""
            kind, length = struct.unpack(">BxxxL", head)
            return kind, self._exactly(length)

    def close(self) -> None:
        """Let the process read the end of its input."""
        held: tuple[Any, ...] = (getattr(self._held, "_response", None), self._held, self._socket)
        for each in held:
            # Closing one of them may close the others.
            with suppress(OSError, ValueError, AttributeError):
                each.close()

    def _exactly(self, count: int) -> bytes:
        pieces: list[bytes] = []
        while count:
            piece = self._socket.recv(count)
            if not piece:
                break
            pieces.append(piece)
            count -= len(piece)
        return b"".join(pieces)


class _broken:  # noqa: N801 - reads as what it is
    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise OutOfReach(
                f"the connection into the container is gone: {error}", hint="see whether it runs: docker ps -a"
            ) from error
