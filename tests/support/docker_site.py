"""One service on the docker driver, and users who talk to it, on the daemon at hand."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fcntl import LOCK_EX, flock
from functools import cache
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from mlship.clock import SystemClock
from mlship.drivers.base import Opening
from mlship.drivers.docker import DockerDriver
from mlship.plan.container import Container
from mlship.plan.model import DriverSpec, Health, Model
from mlship.plan.routing import all_to
from tests.engines import need
from tests.ports import free_port
from tests.support import images
from tests.support.site import Answer, ask, until

if TYPE_CHECKING:
    from docker import DockerClient

CLOCK = SystemClock()


@cache
def daemon() -> DockerClient:
    """The daemon, with every image that tests need; one worker makes them, the others wait."""
    need("docker")
    import docker

    client = docker.from_env()
    with (Path(gettempdir()) / f"mlship-test-images-{os.getuid()}.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        images.make(client)
    return client


def contained(name: str, *, image: str = images.SERVER, **asked: object) -> Model:
    """A model on the test server's image; `asked` are its faults, or fields of `Model` and `Container`."""
    fields = {key: asked.pop(key) for key in list(asked) if key in Model.__struct_fields__}
    inside: dict[str, Any] = {key: asked.pop(key) for key in list(asked) if key in Container.__struct_fields__}
    model = Model(
        name=name,
        container=Container(image=image, **inside),
        health=Health(within=60.0, timeout=5.0),
        drain=20.0,
        env={key.upper(): str(value) for key, value in asked.items()},
    )
    return replace(model, **fields)


@dataclass(kw_only=True)
class DockerSite:
    """A service of a name of its own, its state folder, and the port of its router."""

    state: Path
    port: int = field(default_factory=free_port)
    models: dict[str, Model] = field(default_factory=dict)
    service: str = field(default_factory=lambda: f"t{secrets.token_hex(4)}")
    settings: dict[str, Any] = field(default_factory=dict)

    def open(self, fence: int | None = 1) -> DockerDriver:
        """The service's driver."""
        listen = {"listen": f"127.0.0.1:{self.port}", "router": {"image": images.ROUTER, "workers": 1}}
        return DockerDriver(
            Opening(
                service=self.service,
                spec=DriverSpec(name="docker", settings={**listen, **self.settings}),
                models=self.models,
                fence=fence,
                state=self.state,
                clock=CLOCK,
            )
        )

    def up(self, *models: Model, fence: int = 1) -> DockerDriver:
        """The driver, with the replicas of each model ready and everything routed to the first."""
        self.models |= {model.name: model for model in models}
        driver = self.open(fence)
        for model in models:
            driver.ensure(model.name, model.replicas)
        driver.route(all_to(models[0].name))
        return driver

    def ask(
        self, path: str = "/predict", *, body: bytes | None = None, timeout: float = 30.0, **headers: str
    ) -> Answer:
        """One request over a connection of its own."""
        return ask(self.port, path, body=body, timeout=timeout, **headers)

    def containers(self, role: str = "") -> list[Any]:
        """Everything of the service that is a container."""
        labels = [f"mlship.service={self.service}", *([f"mlship.role={role}"] if role else [])]
        return list(daemon().containers.list(all=True, filters={"label": labels}))

    def kill(self, role: str) -> None:
        """SIGKILL to the containers of a role, and wait until they are gone."""
        for container in self.containers(role):
            container.kill()
        until(lambda: all(container.status != "running" for container in self.containers(role)))

    def clear(self) -> None:
        """Leave nothing of the service on the daemon."""
        for container in self.containers():
            container.remove(force=True, v=True)
        mine = {"label": f"mlship.service={self.service}"}
        for network in daemon().networks.list(filters=mine):
            network.remove()
        for volume in daemon().volumes.list(filters=mine):
            volume.remove(force=True)


@contextmanager
def docker_site(folder: Path) -> Iterator[DockerSite]:
    """A site, cleared away whatever happens."""
    daemon()
    site = DockerSite(state=folder)
    try:
        yield site
    finally:
        site.clear()
