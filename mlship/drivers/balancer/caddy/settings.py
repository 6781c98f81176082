"""What a plan says of Caddy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One Caddy."""

    admin: str
    log: Path


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The driver's settings, checked."""

    nodes: tuple[NodeSettings, ...]
    id: str
    listen: str


def settings_of(told: Mapping[str, Any], *, service: str) -> Settings:
    """The settings of a plan; what a node leaves out is the driver's."""
    nodes = told.get("nodes") or [{"admin": told["admin"]}]
    read = tuple(_node({**told, **node}) for node in nodes)
    return Settings(nodes=read, id=told.get("id", f"mlship-{service}"), listen=told.get("listen", read[0].admin))


def _node(told: Mapping[str, Any]) -> NodeSettings:
    return NodeSettings(admin=told["admin"], log=Path(told["log"]))
