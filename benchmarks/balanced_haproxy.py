"""HAProxy, for balancers.py: bare is one command on its socket."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bare import free_port

from mlship.drivers.balancer.driver import BalancerDriver
from mlship.drivers.balancer.haproxy import HaproxyDriver
from mlship.drivers.balancer.haproxy.api import RuntimeApi
from mlship.drivers.balancer.haproxy.lines import backend_lines, frontend_lines, map_line, ring_lines
from mlship.drivers.base import Opening

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
    """A backend per model, the split in a map."""

    name = "haproxy"
    goal = 2.0

    @contextmanager
    def start(self, folder: Path, ports: Mapping[str, int]) -> Iterator[int]:
        """Run it, everything to v1."""
        program = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
        if program is None:
            sys.exit("haproxy is missing: apt-get install haproxy")
        self._folder, port = folder, free_port()
        self.settle()
        frontend = frontend_lines(service="bench", default="v1", map_file=f"{folder}/mlship.map")
        backends = backend_lines({name: f"127.0.0.1:{each}" for name, each in ports.items()})
        bound = f"frontend users\n    bind 127.0.0.1:{port}\n{frontend}"
        (folder / "haproxy.cfg").write_text("\n".join([_HEAD.format(folder=folder), ring_lines(), bound, backends]))
        with subprocess.Popen([program, "-f", str(folder / "haproxy.cfg")], stderr=subprocess.DEVNULL) as process:
            try:
                yield port
            finally:
                process.kill()

    def settings(self) -> Mapping[str, object]:
        """What a plan says of it."""
        return {"socket": f"{self._folder}/admin.sock", "map": f"{self._folder}/mlship.map"}

    def open(self, opening: Opening) -> BalancerDriver:
        """Its driver."""
        return HaproxyDriver(opening)

    def half(self) -> None:
        """Half of the traffic to v2."""
        self._set("any:v2:5000:v1:10000")

    def back(self) -> None:
        """The bare command."""
        self._set("any:v1:10000")

    def settle(self) -> None:
        """Its map file says the same."""
        (self._folder / "mlship.map").write_text(map_line("bench", "v1"))

    def _set(self, value: str) -> None:
        RuntimeApi(address=f"{self._folder}/admin.sock").ask(f"set map {self._folder}/mlship.map bench {value}")
