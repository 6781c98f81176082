"""HAProxy for `balancers.py`: bare is one command on its socket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from balanced import opening, process, program
from bare import free_port

from mlship.drivers.balancer.haproxy import HaproxyDriver
from mlship.drivers.balancer.haproxy.api import RuntimeApi
from mlship.drivers.balancer.haproxy.lines import backend_lines, frontend_lines, map_line, ring_lines

_HEAD = """\
global
    stats socket {folder}/admin.sock mode 600 level admin
    nbthread 2
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
"""


class Haproxy:
    """A HAProxy."""

    name = "haproxy"
    target = 2.0

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self._folder, self._ports = folder, ports
        self._map = f"{folder}/mlship.map"

    @contextmanager
    def running(self) -> Iterator[int]:
        """Run it, everything on v1; the port that users come in by."""
        port = free_port()
        Path(self._map).write_text(map_line("bench", "v1"))
        frontend = frontend_lines(service="bench", default="v1", map_file=self._map)
        backends = backend_lines({name: f"127.0.0.1:{each}" for name, each in self._ports.items()})
        bound = f"frontend users\n    bind 127.0.0.1:{port}\n{frontend}"
        file = self._folder / "haproxy.cfg"
        file.write_text("\n".join([_HEAD.format(folder=self._folder), ring_lines(), bound, backends]))
        with process([program("haproxy", "apt-get install haproxy"), "-f", str(file)]):
            yield port

    def half(self) -> None:
        """Half of the requests to each."""
        self._set("any:v2:5000:v1:10000")

    def back(self) -> None:
        """The bare command."""
        self._set("any:v1:10000")
        Path(self._map).write_text(map_line("bench", "v1"))

    def driver(self, fence: int) -> HaproxyDriver:
        """The service's driver."""
        settings = {"socket": f"{self._folder}/admin.sock", "map": self._map}
        return HaproxyDriver(opening("haproxy", settings, folder=self._folder, ports=self._ports, fence=fence))

    def _set(self, value: str) -> None:
        RuntimeApi(address=f"{self._folder}/admin.sock").ask(f"set map {self._map} bench {value}")
