"""What the router is told about models: where their replicas listen, and how they are checked."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mlship.dataplane.spool import MOST

Timeouts = Mapping[str, float]
"""Model → seconds that a request may take; 0 waits for ever."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One replica."""

    port: int
    host: str = "127.0.0.1"
    draining: bool = False
    """It finishes the requests that it has and gets no new ones."""


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """A model as the router sees it. `name` holds lower-case letters, digits and hyphens only."""

    name: str
    endpoints: tuple[Endpoint, ...] = ()
    health_path: str = "/v2/health/ready"
    """Empty: that a replica takes connections is enough."""
    health_timeout: float = 2.0
    """Seconds that one check may take."""
    timeout: float = 0.0
    """Seconds that a request may take; 0 waits for ever."""


class RouterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is fixed for one life of the router."""

    host: str
    port: int
    edges: tuple[float, ...]
    """Upper edges of the latency buckets in seconds."""
    workers: int = 1
    spool: int = MOST
    """Bytes that kept answers and outcomes may take on disk."""

    @property
    def address(self) -> str:
        """Where users send their requests, "127.0.0.1:8080"."""
        return address_of(self.host, self.port)


def address_of(host: str, port: int) -> str:
    """Host and port as one text; an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def seconds(value: float) -> str:
    """A duration as Envoy writes it."""
    return f"{value:.3f}s"
