"""Envoy for `balancers.py`: bare is one request to its administration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from balanced import opening, process
from bare import envoy, free_port

from mlship.drivers.balancer.endpoint import Endpoint
from mlship.drivers.balancer.envoy import EnvoyDriver
from mlship.drivers.balancer.envoy.lines import Place, cluster_lines, configuration_lines, route_lines


class Envoy:
    """An Envoy that is somebody else's."""

    name = "envoy"
    target = 2.0

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self._folder, self._ports = folder, ports
        self._admin = f"{folder}/admin.sock"

    @contextmanager
    def running(self) -> Iterator[int]:
        """Run it, everything on v1; the port that users come in by."""
        port, file = free_port(), self._folder / "envoy.yaml"
        clusters = cluster_lines({name: f"127.0.0.1:{self._ports[name]}" for name in ("v1", "v2")})
        place = Place(address="127.0.0.1", port=port, admin=f'{{ pipe: {{ path: "{self._admin}" }} }}')
        file.write_text(configuration_lines(route_lines("bench", ["v1", "v2"]), clusters, place))
        with process([envoy(), "-c", str(file), "--disable-hot-restart", "--concurrency", "2", "-l", "error"]):
            yield port

    def half(self) -> None:
        """Half of the requests to each."""
        self._set(5000, 5000)

    def back(self) -> None:
        """The bare command."""
        self._set(10_000, 0)

    def driver(self, fence: int) -> EnvoyDriver:
        """The service's driver."""
        settings = {"admin": self._admin}
        return EnvoyDriver(opening("envoy", settings, folder=self._folder, ports=self._ports, fence=fence))

    def _set(self, v1: int, v2: int) -> None:
        key = "mlship.bench.split"
        endpoint = Endpoint(make="Envoy", address=self._admin, denied="")
        endpoint.ask("POST", f"/runtime_modify?{key}.v1={v1}&{key}.v2={v2}")
