"""The service's own network, in which every container keeps its address: also after a restart of the daemon.

Docker lets a container keep an address only in a network whose range somebody chose. It chooses one that is free by
itself; this network is made once to learn that range, and once more with it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from mlship.drivers.docker.daemon import asking, status_of
from mlship.drivers.docker.names import ADDRESS, Names, Role
from mlship.errors import OutOfReach

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.networks import Network as DockerNetwork

TRIES = 5
"""Times that somebody else may take the range between the two."""


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """The network of one service."""

    client: DockerClient
    names: Names

    def there(self) -> DockerNetwork | None:
        """The network, if it has been made."""
        with asking("list its networks"):
            found = self.client.networks.list(filters=dict(self.names.filters(Role.NETWORK)))
        return found[0] if found else None

    def make(self) -> None:
        """Make it, unless it is there.

        Raises:
            OutOfReach: the daemon has no free range, or refuses.
        """
        if self.there() is not None:
            return
        with asking("make a network"):
            for _ in range(TRIES):
                if self._made(self._free_range()):
                    return
        raise OutOfReach("Docker gives no network a range of its own", hint="docker network prune frees unused ones")

    def remove(self) -> None:
        """Remove it, if nothing is in it any more."""
        network = self.there()
        if network is not None:
            with asking("remove a network"):
                network.remove()

    def free_address(self) -> str:
        """An address that no container of the network has, running or not."""
        network = self.there()
        assert network is not None
        with asking("look at a network"):
            network.reload()
        held = network.attrs.get("Containers") or {}
        taken = {each["IPv4Address"].partition("/")[0] for each in held.values()} | set(self._promised())
        (pool,) = network.attrs["IPAM"]["Config"]
        addresses = ipaddress.ip_network(pool["Subnet"]).hosts()
        return next(text for text in map(str, addresses) if text not in taken and text != pool.get("Gateway"))

    def configuration(self, address: str) -> Any:  # noqa: ANN401 - a mapping of the library's own
        """How a container is attached."""
        endpoint = self.client.api.create_endpoint_config(ipv4_address=address)
        return self.client.api.create_networking_config({self.names.network: endpoint})

    def _promised(self) -> Iterable[str]:
        with asking("list its containers"):
            found = self.client.api.containers(all=True, filters={"label": [self.names.mine]})
        return [each["Labels"][ADDRESS] for each in found if ADDRESS in each["Labels"]]

    def _free_range(self) -> dict[str, str]:
        probe = self.client.networks.create(f"{self.names.network}.range", labels=self.names.labels(Role.PROBE))
        try:
            probe.reload()
            (pool,) = probe.attrs["IPAM"]["Config"]
            return dict(pool)
        finally:
            probe.remove()

    def _made(self, pool: dict[str, str]) -> bool:
        from docker.errors import APIError
        from docker.types import IPAMConfig, IPAMPool

        ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=pool["Subnet"], gateway=pool.get("Gateway"))])
        labels = self.names.labels(Role.NETWORK)
        try:
            self.client.networks.create(
                self.names.network, driver="bridge", ipam=ipam, labels=labels, check_duplicate=True
            )
        except APIError as error:
            if status_of(error) in {403, 409} and "overlap" in str(error):
                return False
            raise
        return True
