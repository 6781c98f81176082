"""What a plan says of Traefik."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

DEFAULT_STATIC = "/etc/traefik/traefik.yml"


class Entrance(msgspec.Struct, frozen=True, kw_only=True):
    """How users' requests come to the service: the same on all nodes."""

    rule: str
    entry_points: tuple[str, ...]
    """Empty: all of them."""
    middlewares: tuple[str, ...]
    tls: bool
    health_check: bool
    """A model whose servers are all down gets no request."""


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One Traefik."""

    api: str
    """URL before `/api`."""
    metrics: str
    """URL."""
    file: Path
    """Which mlship writes."""
    staging: Path
    """Folder on the same disk, not watched, where the file is made."""
    static: Path
    """Traefik's static configuration: only looked at."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The driver's settings, checked."""

    nodes: tuple[NodeSettings, ...]
    entrance: Entrance
    listen: str


def settings_of(told: Mapping[str, Any]) -> Settings:
    """The settings of a plan; what a node leaves out is the driver's."""
    shared = {"static": DEFAULT_STATIC, **told}
    nodes = tuple(_node({**shared, **node}) for node in told.get("nodes") or [{}])
    entrance = Entrance(
        rule=told.get("rule", "PathPrefix(`/`)"),
        entry_points=tuple(told.get("entry-points", ())),
        middlewares=tuple(told.get("middlewares", ())),
        tls=told.get("tls", False),
        health_check=told.get("health-check", True),
    )
    return Settings(nodes=nodes, entrance=entrance, listen=told.get("listen", urlsplit(nodes[0].api).netloc))


def _node(told: Mapping[str, Any]) -> NodeSettings:
    api, file = told["api"].rstrip("/"), Path(told["file"])
    return NodeSettings(
        api=api,
        metrics=told.get("metrics", f"{api}/metrics"),
        file=file,
        staging=Path(told["staging"]) if "staging" in told else file.parent.parent,
        static=Path(told["static"]),
    )
