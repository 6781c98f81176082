"""A model as a pool of servers behind a balancer that is somebody else's: what such a driver is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """Servers that mlship neither starts nor stops."""

    backend: str = ""
    """The balancer's own name for them (HAProxy: backend, nginx: upstream); empty: named as the model is."""
    target_group: str = ""
    """Driver `alb`: the ARN of the target group that holds them."""
    servers: tuple[str, ...] = ()
    """Addresses; driver `haproxy` with layout `weights`: names of the servers in the driver's backend."""


def build_pool(document: Mapping[str, Any]) -> Pool:
    """The pool of a checked model."""
    return Pool(
        backend=document.get("backend", ""),
        target_group=document.get("target-group", ""),
        servers=tuple(document.get("servers", ())),
    )
