"""A shell in the service's network: the router's, or while that does not run, one of a container made for it."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mlship.drivers.docker.daemon import asking
from mlship.drivers.docker.image import provide
from mlship.drivers.docker.names import ADDRESS, Names, Role
from mlship.drivers.docker.network import Network
from mlship.drivers.docker.replica import remove
from mlship.drivers.docker.shell import Session, Shell
from mlship.errors import OutOfReach

if TYPE_CHECKING:
    from docker import DockerClient

LONGEST = 3600
"""Seconds after which a container of a command that died ends by itself."""


class Probe:
    """Gives out the shell; its container, if one had to be made, is removed at the end of the block."""

    def __init__(
        self,
        *,
        client: DockerClient,
        names: Names,
        network: Network,
        image: str,
        router: Session,
    ) -> None:
        self._client = client
        self._names = names
        self._network = network
        self._image = image
        self._router = router
        self._made: str | None = None
        self._mine = Session(lambda: Shell(client, self._container()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._mine.close()
        if self._made is not None:
            with suppress(OutOfReach), asking("remove a container"):
                remove(self._client, self._made)
        self._made = None

    def run(self, script: str) -> bytes:
        """What the script writes."""
        said = self._router.run(script)
        return said if said is not None else self._mine.run(script) or b""

    def clear(self) -> None:
        """Remove what commands that died have left."""
        with asking("list its containers"):
            found = self._client.api.containers(all=True, filters=dict(self._names.filters(Role.PROBE)))
        with asking("remove a container"):
            for each in found:
                remove(self._client, each["Id"])

    def _container(self) -> str:
        if self._made is None:
            provide(self._client, self._image)
            address = self._network.free_address()
            api = self._client.api
            with asking("start a container to ask replicas from"):
                made = api.create_container(
                    self._image,
                    entrypoint=["sleep"],
                    command=[str(LONGEST)],
                    labels={**self._names.labels(Role.PROBE), ADDRESS: address},
                    host_config=api.create_host_config(auto_remove=True, network_mode=self._names.network),
                    networking_config=self._network.configuration(address),
                )
                self._made = str(made["Id"])
                api.start(self._made)
        return self._made
