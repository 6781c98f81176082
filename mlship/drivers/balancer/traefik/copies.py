"""Copies for challengers: Traefik mirrors the requests of the service that users' own are answered by.

A challenger is reached by way of a service of mlship's, so that what only the live model may know stays behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlship.plan.balancer.copies import PERCENT

MOST_BYTES = 1024 * 1024
"""Of a body that is copied: Traefik holds it in memory. A larger one goes to the live model alone."""
SINCE = "copies need Traefik 3.7 or later"
"""Before that a service has no middlewares."""

_LEFT_OUT = ("Authorization", "Cookie", "Proxy-Authorization")

Document = Mapping[str, Any]


def copying(service: str) -> str:
    """The service that mirrors, and the middleware that copies pass, where the weighted service is called `service`."""
    return f"{service}_copies"


def copies_of(copies: Sequence[Sequence[str]], *, live: str, name: str, checked: bool) -> dict[str, Any]:
    """What stands under `http` for copies of live's requests; each is (challenger's service, basis points)."""
    through = [f"{name}-{number}" for number in range(len(copies))]
    percents = [int(share) // PERCENT for _, share in copies]
    mirrors = [{"name": one, "percent": percent} for one, percent in zip(through, percents, strict=True)]
    mirroring: dict[str, Any] = {"service": live, "maxBodySize": MOST_BYTES, "mirrors": mirrors}
    if checked:
        mirroring["healthCheck"] = {}
    services: dict[str, Any] = {name: {"mirroring": mirroring}}
    for one, (challenger, _) in zip(through, copies, strict=True):
        services[one] = {"weighted": {"services": [{"name": challenger, "weight": 1}]}, "middlewares": [name]}
    # Empty: the header is removed.
    removed = {"headers": {"customRequestHeaders": dict.fromkeys(_LEFT_OUT, "")}}
    return {"services": services, "middlewares": {name: removed}}


def challengers(mirroring: Document, services: Mapping[str, Document]) -> Iterator[tuple[str, int]]:
    """(challenger's service, basis points) as a service that mirrors has them; `services` are by name."""
    for mirror in mirroring.get("mirrors", []):
        through = services.get(mirror["name"].partition("@")[0], {}).get("weighted", {}).get("services") or [mirror]
        yield through[0]["name"].partition("@")[0], mirror.get("percent", 0) * PERCENT
