"""What a plan says of Envoy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from mlship.plan.balancer.envoy import PREVIEW


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The driver's settings, checked."""

    admins: tuple[str, ...]
    preview: tuple[str, str]
    """(header in lower case, value)."""
    listen: str


def settings_of(told: Mapping[str, Any]) -> Settings:
    """The settings of a plan."""
    admins = tuple(node["admin"] for node in told.get("nodes") or [{"admin": told["admin"]}])
    header, _, value = str(told.get("preview", PREVIEW)).partition("=")
    return Settings(admins=admins, preview=(header.lower(), value), listen=told.get("listen", admins[0]))
