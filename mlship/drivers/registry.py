"""Drivers by name: those that come with mlship, and those of other packages, by the entry-point group `mlship.drivers`.

Ours are declared as entry points, too; here they are known without asking for these, which every command would pay for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, cast

from mlship.drivers.abilities import (
    ALB,
    CADDY,
    DOCKER,
    ENVOY,
    HAPROXY,
    MEMORY,
    NGINX,
    PROCESS,
    REST,
    SAGEMAKER,
    TRAEFIK,
)
from mlship.drivers.base import DriverFactory
from mlship.errors import UsageError
from mlship.plan.model import Capability

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

GROUP = "mlship.drivers"

SHIPPED: Mapping[str, tuple[str, frozenset[Capability]]] = {
    "alb": ("mlship.drivers.balancer.alb:AlbDriver", ALB),
    "caddy": ("mlship.drivers.balancer.caddy:CaddyDriver", CADDY),
    "docker": ("mlship.drivers.docker:DockerDriver", DOCKER),
    "envoy": ("mlship.drivers.balancer.envoy:EnvoyDriver", ENVOY),
    "haproxy": ("mlship.drivers.balancer.haproxy:HaproxyDriver", HAPROXY),
    "memory": ("mlship.drivers.memory:MemoryDriver", MEMORY),
    "nginx": ("mlship.drivers.balancer.nginx:NginxDriver", NGINX),
    "process": ("mlship.drivers.process:ProcessDriver", PROCESS),
    "rest": ("mlship.drivers.balancer.rest:RestDriver", REST),
    "sagemaker": ("mlship.drivers.sagemaker:SagemakerDriver", SAGEMAKER),
    "traefik": ("mlship.drivers.balancer.traefik:TraefikDriver", TRAEFIK),
}
"""Name → where the factory is, and what it can do."""


def find(name: str) -> DriverFactory:
    """The factory of driver `name`.

    Raises:
        UsageError: there is no such driver, or it cannot be loaded.
    """
    value = SHIPPED[name][0] if name in SHIPPED else _declared(name)
    module, _, attribute = value.partition(":")
    try:
        return cast("DriverFactory", getattr(import_module(module), attribute))
    except (ImportError, AttributeError) as error:
        raise UsageError(f"driver {name!r} cannot be loaded: {error}", hint=f"check what provides {value}") from error


def _declared(name: str) -> str:
    found = next(iter(_entry_points().select(name=name)), None)
    if found is None:
        names = ", ".join(sorted({*SHIPPED, *_entry_points().names})) or "none"
        raise UsageError(f"there is no driver named {name!r}", hint=f"known drivers: {names}")
    return found.value


def known() -> Mapping[str, frozenset[Capability]]:
    """Every driver that can be loaded, with what it can do; looked up when it is asked for."""
    return _Known()


class _Known(Mapping[str, frozenset[Capability]]):
    def __getitem__(self, name: str) -> frozenset[Capability]:
        if name in SHIPPED:
            return SHIPPED[name][1]
        try:
            return find(name).capabilities
        except UsageError as error:
            raise KeyError(name) from error

    def __iter__(self) -> Iterator[str]:
        yield from SHIPPED
        for name in _entry_points().names - SHIPPED.keys():
            # `find` complains of a broken one when it is asked for.
            with suppress(UsageError):
                find(name)
                yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _entry_points() -> EntryPoints:
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)
