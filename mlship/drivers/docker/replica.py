"""One replica of a model: a container. What it is at stands in its name, the rest in its labels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from mlship.dataplane.upstream import Endpoint, Upstream
from mlship.drivers.docker.daemon import asking
from mlship.drivers.docker.names import ADDRESS, MODEL, NUMBER, REPLICA, Names, Role
from mlship.plan.container import Container
from mlship.plan.model import Model

if TYPE_CHECKING:
    from docker import DockerClient


class At(StrEnum):
    """What a replica is at; a part of its name, so that it is known to everybody who asks the daemon."""

    STARTING = ".starting"
    SERVING = ""
    """It has passed its health check once; before that it gets no request."""
    DRAINING = ".draining"


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What its label says."""

    fingerprint: str
    port: int
    health_path: str
    """Empty: the image's HEALTHCHECK is asked."""
    health_timeout: float
    timeout: float
    drain: float


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """A container that serves a model, or is about to."""

    id: str
    model: str
    number: int
    address: str
    at: At
    alive: bool
    written: Written

    @property
    def name(self) -> str:
        """Its name among all replicas of the service."""
        return f"{self.model}.{self.number}"

    @property
    def endpoint(self) -> Endpoint:
        """Where the router finds it."""
        return Endpoint(host=self.address, port=self.written.port, draining=self.at is At.DRAINING)


def container_of(model: Model) -> Container:
    """The container of a model; without one an empty one, which nothing can be started from."""
    return model.container or Container()


def written(model: Model) -> Written:
    """What the label of a new replica says."""
    container = container_of(model)
    return Written(
        fingerprint=fingerprint(model),
        port=container.port,
        health_path="" if container.healthcheck else model.health.path,
        health_timeout=model.health.timeout,
        timeout=model.timeout,
        drain=model.drain,
    )


def fingerprint(model: Model) -> str:
    """What a replica is started from; references to the environment stay references."""
    told = [list(model.command), sorted(model.env.items()), msgspec.to_builtins(container_of(model))]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """The replicas of a service, as the daemon has them."""

    client: DockerClient
    names: Names

    def all(self) -> list[Replica]:
        """Every replica, also those that have died; by model and number."""
        with asking("list its containers"):
            found = self.client.api.containers(all=True, filters=dict(self.names.filters(Role.MODEL)))
        replicas = [self._replica(each) for each in found]
        return sorted(replicas, key=lambda replica: (replica.model, replica.number))

    def of(self, model: str) -> list[Replica]:
        """The replicas of one model."""
        return [replica for replica in self.all() if replica.model == model]

    def becomes(self, replica: Replica, at: At) -> None:
        """Say what it is at from now on."""
        with asking("rename a container"):
            self.client.api.rename(replica.id, f"{self.names.replica(replica.model, replica.number)}{at}")

    def remove(self, replicas: Iterable[Replica], *, grace: float) -> None:
        """Ask them to end, all at the same time; after `grace` seconds make them. Then nothing of them is left."""
        import threading

        enders = [threading.Thread(target=self._end, args=(replica, grace)) for replica in replicas]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()
        with asking("remove a container"):
            for replica in replicas:
                remove(self.client, replica.id)

    def _end(self, replica: Replica, grace: float) -> None:
        from contextlib import suppress

        from mlship.errors import OutOfReach

        with suppress(OutOfReach), asking("stop a container"):
            self.client.api.stop(replica.id, timeout=round(grace))

    def _replica(self, told: Mapping[str, Any]) -> Replica:
        labels, name = told["Labels"], told["Names"][0]
        at = next((at for at in (At.STARTING, At.DRAINING) if name.endswith(at)), At.SERVING)
        return Replica(
            id=told["Id"],
            model=labels[MODEL],
            number=int(labels[NUMBER]),
            address=labels[ADDRESS],
            at=at,
            alive=told["State"] == "running",
            written=msgspec.json.decode(labels[REPLICA], type=Written),
        )


def remove(client: DockerClient, container: str) -> None:
    """Remove a container and the volumes without a name that it has; one that is gone is no error."""
    from docker.errors import NotFound

    try:
        client.api.remove_container(container, force=True, v=True)
    except NotFound:
        return


def serving(replicas: Iterable[Replica]) -> list[Upstream]:
    """What the router may know: replicas that have passed their health check and run."""
    by_model: dict[str, list[Replica]] = {}
    for replica in replicas:
        if replica.at is not At.STARTING and replica.alive:
            by_model.setdefault(replica.model, []).append(replica)
    return [_upstream(model, found) for model, found in by_model.items()]


def _upstream(model: str, replicas: list[Replica]) -> Upstream:
    latest = replicas[-1].written
    return Upstream(
        name=model,
        endpoints=tuple(replica.endpoint for replica in replicas),
        health_path=latest.health_path,
        health_timeout=latest.health_timeout,
        timeout=latest.timeout,
    )
