"""Traefik in front of real model servers, configured by the very lines that `init` prints."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mlship.drivers.balancer.traefik import TraefikDriver
from mlship.drivers.balancer.traefik.api import Api
from mlship.drivers.balancer.traefik.dynamic import value_of
from mlship.drivers.balancer.traefik.lines import service_lines, static_lines
from mlship.errors import MlshipError
from tests.engines import need
from tests.ports import free_port
from tests.support import group
from tests.support.balanced_site import BalancedSite, short_folder
from tests.support.site import until

LIVE = "v1:10000"


@dataclass(kw_only=True)
class Balancer:
    """One Traefik."""

    folder: Path
    servers: Mapping[str, str]
    """Service → address of its server."""
    service: str = "scorer"
    checked: bool = True
    """The services have a health check."""
    static_changes: Mapping[str, str] = field(default_factory=dict)
    """What stands in the static configuration in place of what `init` prints."""
    port: int = field(default_factory=free_port)
    admin: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.file.parent.mkdir(parents=True)
        services = service_lines(self.servers).replace("interval: 1s", "interval: 200ms")
        lines = services.splitlines(keepends=True)
        (self.file.parent / "owner.yml").write_text(
            "".join(line for line in lines if self.checked or "healthCheck" not in line)
        )
        ends = f'  web: {{ address: "127.0.0.1:{self.port}" }}\n  traefik: {{ address: "127.0.0.1:{self.admin}" }}\n'
        static = f"entryPoints:\n{ends}{static_lines(str(self.file.parent))}"
        for before, after in self.static_changes.items():
            assert before in static
            static = static.replace(before, after)
        self.static.write_text(static)

    @property
    def file(self) -> Path:
        return self.folder / "dynamic" / f"mlship-{self.service}.yml"

    @property
    def static(self) -> Path:
        return self.folder / "traefik.yml"

    @property
    def api(self) -> Api:
        return Api(url=f"http://127.0.0.1:{self.admin}")

    @property
    def told(self) -> dict[str, object]:
        """The node, as a plan says it."""
        return {"api": self.api.url, "file": str(self.file), "static": str(self.static)}

    @property
    def entry(self) -> str | None:
        """What is loaded."""
        return value_of(self.api.services(), self.api.routers(), self.service)

    def start(self) -> None:
        """Run it, until it has read its files."""
        program = shutil.which("traefik")
        assert program
        with (self.folder / "traefik.log").open("ab") as log:
            words = [program, f"--configFile={self.static}"]
            self.process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
        until(self.loaded)

    def loaded(self) -> bool:
        """It has the owner's services."""
        with suppress(MlshipError):
            return any(each["provider"] == "file" for each in self.api.services())
        return False

    def put(self, name: str, text: str) -> None:
        """Another file for the folder, as a careful owner puts one: whole, or not at all."""
        made = self.folder / name
        made.write_text(text)
        made.rename(self.file.parent / name)

    def put_back(self, change: Callable[[str], str]) -> None:
        """mlship's own file as an earlier mlship wrote it: without a sum."""
        first, _, body = self.file.read_text().partition("\n")
        self.put(self.file.name, f"{first.partition(' Edits')[0]}\n{change(body)}")

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            group.end(self.process)
            self.process = None


class TraefikSite(BalancedSite[Balancer]):
    """A service on driver `traefik`."""

    make = "traefik"
    driver = TraefikDriver

    def front(self, folder: Path, **asked: object) -> Balancer:
        """A Traefik in that folder, not started."""
        return Balancer(folder=folder, servers=self.addresses, service=self.service, **asked)  # type: ignore[arg-type]

    def told(self) -> dict[str, object]:
        """What a plan says of the Traefik that there are."""
        nodes = [each.told for each in self.balancers]
        return {"nodes": nodes, "entry-points": ["web"], "listen": f"127.0.0.1:{self.balancer.port}"}

    def serve(self, name: str, *, sick: bool = False, **asked: str) -> None:
        """Start a model's server, which tells its name itself: Traefik does not."""
        super().serve(name, sick=sick, TELLS="1", **asked)


@contextmanager
def traefik_site() -> Iterator[TraefikSite]:
    """An empty site."""
    need("traefik")
    with short_folder() as folder:
        site = TraefikSite(folder=folder)
        try:
            yield site
        finally:
            site.clear()
