"""A model as a pool of servers behind a balancer that is somebody else's: what such a driver is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """Servers that mlship neither starts nor stops."""

    backend: str = ""
    """Drivers `envoy`, `haproxy`: the cluster or backend of its configuration with them; empty: named as the model."""
    servers: tuple[str, ...] = ()
    """Driver `caddy`: their addresses. Driver `haproxy` with layout `weights`: their names in the driver's backend."""


def build_pool(document: Mapping[str, Any]) -> Pool:
    """The pool of a checked model."""
    return Pool(backend=document.get("backend", ""), servers=tuple(document.get("servers", ())))
