"""What a plan says of HAProxy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlship.plan.balancer.haproxy import PREVIEW

DEFAULT_MAP = "/etc/haproxy/mlship.map"


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One HAProxy."""

    socket: str
    map: Path
    state_file: Path
    persist: bool


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The driver's settings, checked."""

    nodes: tuple[NodeSettings, ...]
    layout: str
    """map or weights."""
    backend: str
    """Layout `weights`: the one that holds all servers."""
    ring: str
    """Empty: no latencies."""
    listen: str
    preview: str
    mirror: bool
    """Its configuration has the script that copies requests."""


def settings_of(told: Mapping[str, Any]) -> Settings:
    """The settings of a plan; what a node leaves out is the driver's."""
    nodes = told.get("nodes") or [{"socket": told["socket"]}]
    shared = {"map": DEFAULT_MAP, "state-file": "", "persist": True, **told}
    read = tuple(_node({**shared, **node}) for node in nodes)
    return Settings(
        nodes=read,
        layout=told.get("layout", "map"),
        backend=told.get("backend", ""),
        ring=told.get("ring", ""),
        listen=told.get("listen", read[0].socket),
        preview=told.get("preview", PREVIEW).lower(),
        mirror=told.get("mirror", False),
    )


def _node(told: Mapping[str, Any]) -> NodeSettings:
    return NodeSettings(
        socket=told["socket"], map=Path(told["map"]), state_file=Path(told["state-file"]), persist=told["persist"]
    )
