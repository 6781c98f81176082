"""Standard streams that may be closed, or whose reader may go away: neither changes what a command does or answers."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO

_GONE = {errno.EPIPE, errno.EIO}
"""How a pipe without a reader, and a terminal that has hung up, answer a write."""


class Unwritable(OSError):
    """What a command prints to stdout cannot be written, as where a file on a full disk is to take it."""


class _Heedless(io.FileIO):
    """A file that takes whatever is written, also when nobody reads it any more."""

    lost = False
    dumb = False
    """It has told that it cannot be written, or there is nobody to tell: the rest is dropped."""

    def write(self, data: object, /) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            self.lost = self.lost or error.errno in _GONE
            if not self.lost and not self.dumb:
                # Python writes what is buffered once more at its end, and would print a traceback of its own.
                self.dumb = True
                raise Unwritable(error.errno, error.strerror) from error
            return memoryview(data).nbytes  # type: ignore[arg-type]


def secure() -> None:
    """Make the standard streams usable, whatever the caller has left of them."""
    if sys.stdin is None:
        # A file opened later must not be taken for a standard stream.
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stdout, sys.stderr = _heedless(sys.stdout), _heedless(sys.stderr, dumb=True)


def reader_is_gone() -> bool:
    """Something was written to stdout that nobody will read."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, _Heedless) and raw.lost


def _heedless(stream: TextIO | None, *, dumb: bool = False) -> TextIO:
    if stream is None:
        return _over(os.open(os.devnull, os.O_WRONLY))
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    return _over(
        stream.fileno(),
        dumb=dumb,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _over(descriptor: int, *, dumb: bool = False, encoding: str = "utf-8", **more: Any) -> TextIO:  # noqa: ANN401
    raw = _Heedless(descriptor, "w", closefd=False)
    raw.dumb = dumb
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding, **more)
