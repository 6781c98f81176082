"""Drivers by name, from the entry-point group `mlship.drivers`; ours are declared the same way as a stranger's."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import entry_points
from typing import cast

from mlship.drivers.base import DriverFactory
from mlship.errors import UsageError
from mlship.plan.model import Capability

GROUP = "mlship.drivers"


def find(name: str) -> DriverFactory:
    """The factory of driver `name`.

    Raises:
        UsageError: there is no such driver, or it cannot be loaded.
    """
    found = entry_points(group=GROUP, name=name)
    if not found:
        known = ", ".join(sorted({entry.name for entry in entry_points(group=GROUP)})) or "none"
        raise UsageError(f"there is no driver named {name!r}", hint=f"known drivers: {known}")
    entry = next(iter(found))
    try:
        return cast("DriverFactory", entry.load())
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"driver {name!r} cannot be loaded: {error}", hint=f"check what provides {entry.value}"
        ) from error


def known() -> Mapping[str, frozenset[Capability]]:
    """Every driver that can be loaded, with what it can do; `find` complains of a broken one when it is asked for."""
    capabilities = {}
    for entry in entry_points(group=GROUP):
        with suppress(UsageError):
            capabilities[entry.name] = find(entry.name).capabilities
    return capabilities
