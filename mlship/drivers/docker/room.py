"""What the daemon's machine has, and whether a replica can fit at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlship.drivers.docker.daemon import asking
from mlship.errors import UsageError
from mlship.plan.capacity import Kind, Room, limit, spelled, too_large
from mlship.plan.model import Model

if TYPE_CHECKING:
    from docker import DockerClient

_GPU = re.compile(r"gpu=\d+$")


def room_of(client: DockerClient) -> Room:
    """What the daemon says of its machine."""
    with asking("tell what it has"):
        return room_in(client.api.info())


def room_in(told: Mapping[str, Any]) -> Room:
    """Of `docker info`: GPUs only where it lists them (CDI devices, or `node-generic-resources`)."""
    found = {Kind.CPUS: float(told.get("NCPU") or 0), Kind.MEMORY: float(told.get("MemTotal") or 0)}
    return {kind: amount for kind, amount in (found | _gpus(told)).items() if amount}


def _gpus(told: Mapping[str, Any]) -> dict[Kind, float]:
    devices = sum(bool(_GPU.search(str(each.get("ID")))) for each in told.get("DiscoveredDevices") or ())
    return {Kind.GPUS: float(devices or sum(map(_count, told.get("GenericResources") or ())))}


def _count(resource: Mapping[str, Mapping[str, Any]]) -> int:
    named, counted = resource.get("NamedResourceSpec") or {}, resource.get("DiscreteResourceSpec") or {}
    if "gpu" not in str({**named, **counted}.get("Kind", "")).lower():
        return 0
    return int(counted["Value"]) if counted else 1


def must_fit(models: Mapping[str, Model], room: Room) -> None:
    """Refuse what no waiting and no other strategy would help.

    Raises:
        UsageError: a single replica may take more than there is.
    """
    for name, kind in too_large(models, room):
        asked, there = spelled(kind, limit(models[name], kind)), spelled(kind, room[kind])
        raise UsageError(
            f"one replica of {name} asks for {asked}, and the Docker daemon has {there}",
            hint=f"lower models.{name}.resources.{kind}, or name a larger daemon; nothing was touched",
        )
