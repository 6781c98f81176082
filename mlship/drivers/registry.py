"""Drivers by name: those that come with mlship, and those of other packages, by the entry-point group `mlship.drivers`.

Ours are declared as entry points, too; here they are known without asking for these, which every command would pay for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, cast

from mlship.drivers.abilities import DOCKER, HAPROXY, MEMORY, PROCESS, SAGEMAKER
from mlship.drivers.base import DriverFactory
from mlship.errors import UsageError
from mlship.plan.model import Capability

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

GROUP = "mlship.drivers"

SHIPPED: Mapping[str, tuple[str, frozenset[Capability]]] = {
    "docker": ("mlship.drivers.docker:DockerDriver", DOCKER),
    "haproxy": ("mlship.drivers.balancer.haproxy:HaproxyDriver", HAPROXY),
    "memory": ("mlship.drivers.memory:MemoryDriver", MEMORY),
    "process": ("mlship.drivers.process:ProcessDriver", PROCESS),
    "sagemaker": ("mlship.drivers.sagemaker:SagemakerDriver", SAGEMAKER),
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
