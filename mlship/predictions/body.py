"""A captured body: the bytes that travelled, and the JSON in them if there is any."""

from __future__ import annotations

import binascii
import csv
import re
import zlib
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

import msgspec

MOST = 64 * 1024 * 1024
"""Bytes that a body may have when decompressed; more is not read."""

NUMBER = re.compile(r"-?(0|[1-9]\d{0,300})(\.\d+)?([eE][-+]?\d{1,3})?")
"""A number as text; '007' is none."""


class Unreadable(Exception):
    """A body says nothing, in one or two words: `cut`, `compressed by br`, `stream`, `not JSON`."""


def raw(text: str | None) -> bytes:
    """The bytes behind base64.

    Raises:
        Unreadable: it is no base64.
    """
    try:
        return b64decode(text or "", validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unreadable("not base64") from error


def plain(body: bytes, encoding: str | None) -> bytes:
    """The body without its content encodings, undone from the last to the first.

    Raises:
        Unreadable: it is damaged, too large, or nothing here undoes the encoding.
    """
    for name in reversed([part.strip().lower() for part in (encoding or "").split(",")]):
        if name in {"", "identity"}:
            continue
        undo = _UNDO.get(name)
        if undo is None:
            raise Unreadable(f"compressed by {name}")
        try:
            body = undo(body)
        except Unreadable:
            raise
        except Exception as error:
            raise Unreadable(f"damaged {name}") from error
        if len(body) > MOST:
            raise Unreadable("too large")
    return body


def parsed(body: bytes, kind: str | None) -> Any:  # noqa: ANN401
    """The JSON of a body; of CSV its cells, row by row, or those of its only row.

    Raises:
        Unreadable: it is none.
    """
    media = (kind or "").partition(";")[0].strip().lower()
    if media == "text/event-stream":
        raise Unreadable("stream")
    if media == "text/csv":
        return _cells(body)
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error


def _cells(body: bytes) -> list[Any]:
    try:
        rows = [[_cell(cell) for cell in row] for row in csv.reader(body.decode().splitlines(), strict=True) if row]
    except (csv.Error, UnicodeError) as error:
        raise Unreadable("not CSV") from error
    return rows[0] if len(rows) == 1 else rows


def _cell(text: str) -> str | float:
    return float(text) if NUMBER.fullmatch(text.strip()) else text.strip()


def _inflate(body: bytes, *windows: int) -> bytes:
    for bits in windows:
        with suppress(zlib.error):
            machine = zlib.decompressobj(bits)
            done = machine.decompress(body, MOST + 1)
            if machine.eof or len(done) > MOST:
                return done
            raise Unreadable("cut")
    raise Unreadable("damaged")


def _gunzip(body: bytes) -> bytes:
    return _inflate(body, 31)


def _deflate(body: bytes) -> bytes:
    """RFC 9110 means zlib's format; some servers send the bare stream."""
    return _inflate(body, 15, -15)


def _by(module: str, name: str) -> Callable[[bytes], bytes]:
    def undo(body: bytes) -> bytes:
        try:
            function: Callable[[bytes], bytes] = getattr(import_module(module), name)
        except ImportError as error:
            raise Unreadable(f"compressed by {module}") from error
        return function(body)

    return undo


_UNDO: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _deflate,
    "br": _by("brotli", "decompress"),
    "zstd": _by("compression.zstd", "decompress"),  # of Python 3.14
}
