"""What a plan says of nginx."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

DEFAULT_PID = "/run/nginx.pid"


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One nginx."""

    include: Path
    """The file that mlship writes."""
    status: str
    """URL that tells which generation runs."""
    log: Path
    pid: Path
    program: tuple[str, ...]
    """The words that tests are made with: `nginx`, or `sudo nginx`."""
    reload: tuple[str, ...]
    """Empty: HUP to the process of `pid`."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The driver's settings, checked."""

    nodes: tuple[NodeSettings, ...]
    listen: str
    mirror: bool
    """Its configuration has the locations that copy requests."""


def settings_of(told: Mapping[str, Any]) -> Settings:
    """The settings of a plan; what a node leaves out is the driver's."""
    shared = {"pid": DEFAULT_PID, "program": ["nginx"], "reload": [], **told}
    nodes = tuple(_node({**shared, **node}) for node in told.get("nodes") or [{}])
    listen = told.get("listen", urlsplit(nodes[0].status).netloc)
    return Settings(nodes=nodes, listen=listen, mirror=told.get("mirror", False))


def _node(told: Mapping[str, Any]) -> NodeSettings:
    return NodeSettings(
        include=Path(told["include"]),
        status=told["status"],
        log=Path(told["log"]),
        pid=Path(told["pid"]),
        program=tuple(told["program"]),
        reload=tuple(told["reload"]),
    )
