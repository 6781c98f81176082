"""What a router has kept: lines of its spool, read as a reader would."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from tests.support.site import Site, until

Line = dict[str, Any]


def lines(site: Site, name: str = "predictions") -> list[Line]:
    """All lines so far, also those of rotated files; empty and torn ones are passed over, as a reader does."""
    folder = site.folder / "router" / "captures"
    return [line for file in sorted(folder.glob(f"{name}*.jsonl")) for line in _whole(file.read_bytes())]


def _whole(content: bytes) -> Iterator[Line]:
    for line in content.split(b"\n"):
        with suppress(ValueError):
            yield json.loads(line)


def kept(site: Site, count: int, name: str = "predictions") -> list[Line]:
    """The lines, once there are so many of them."""
    until(lambda: len(lines(site, name)) >= count)
    return lines(site, name)


def answer(line: Line) -> bytes:
    """The part of the answer that was kept."""
    return base64.b64decode(line["response"])
