"""What a plan says of the driver itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mlship.dataplane.upstream import RouterSettings, address_of
from mlship.errors import UsageError
from mlship.metrics.counters import LATENCY_EDGES

DEFAULT_LISTEN = "127.0.0.1:8080"
DEFAULT_IMAGE = "envoyproxy/envoy:v1.40.0"
"""The official image of the version that mlship is written for."""

FOLDER = Path("/mlship")
"""The router's files, in its container."""

USERS_PORT = 8080
ADMIN_PORT = 9901

MOST_WORKERS = 4


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The driver's settings, checked."""

    host: str
    port: int
    image: str
    router: RouterSettings
    """As the router itself sees it: inside its container."""

    @property
    def listen(self) -> str:
        """Where users send their requests."""
        return address_of(self.host, self.port)


def settings_of(told: Mapping[str, Any]) -> Settings:
    """The settings of a plan.

    Raises:
        UsageError: one of them cannot be used.
    """
    listen = str(told.get("listen", DEFAULT_LISTEN))
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(
            f"driver.docker.listen: {listen!r} is not an address and a port", hint=f"write it as {DEFAULT_LISTEN}"
        )
    router = told.get("router", {})
    workers = int(router.get("workers", min(os.cpu_count() or 1, MOST_WORKERS)))
    inside = RouterSettings(host="0.0.0.0", port=USERS_PORT, edges=LATENCY_EDGES, workers=workers)  # noqa: S104 - of its container
    image = str(router.get("image", DEFAULT_IMAGE))
    return Settings(host=host.strip("[]"), port=int(port), image=image, router=inside)
