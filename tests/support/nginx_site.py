"""nginx in front of real model servers, configured by the very lines that `init` prints."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from mlship.drivers.balancer.nginx import NginxDriver
from mlship.drivers.balancer.nginx.include import text_of
from mlship.drivers.balancer.nginx.lines import copy_lines, http_lines, mirror_lines, server_lines
from mlship.drivers.balancer.nginx.status import generation
from mlship.errors import MlshipError
from tests.engines import need, nginx
from tests.ports import free_port
from tests.support import group
from tests.support.balanced_site import BalancedSite, short_folder
from tests.support.site import until

LIVE = "v1:10000"

_HEAD = """\
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log notice;
events {{ worker_connections 1024; }}
http {{
access_log off;
client_body_temp_path {folder}/t1;
proxy_temp_path {folder}/t2;
fastcgi_temp_path {folder}/t3;
uwsgi_temp_path {folder}/t4;
scgi_temp_path {folder}/t5;
"""


@dataclass(kw_only=True)
class Balancer:
    """One nginx with its master."""

    folder: Path
    servers: Mapping[str, str]
    """Upstream → address of its server."""
    service: str = "scorer"
    more: str = ""
    """Further lines of `http`."""
    patience: str = ""
    """With the lines that copies need: the time that a challenger has. Empty: without."""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        # Workers of another user find what is in there.
        self.folder.parent.chmod(0o755)
        self.include.parent.mkdir()
        self.include.write_text(text_of(LIVE, self.service))
        http = http_lines(str(self.include), self.servers)
        inner = server_lines(self.service, log=str(self.log))
        if self.patience:
            head = "location / {\n"
            inner = inner.replace(head, head + mirror_lines(self.service), 1)
            inner += copy_lines(self.service, log=str(self.log), patience=self.patience)
        server = f"server {{\nlisten 127.0.0.1:{self.port};\n{inner}}}\n"
        self.configuration.write_text("".join([_HEAD.format(folder=self.folder), http, self.more, server, "}\n"]))

    @property
    def configuration(self) -> Path:
        return self.folder / "nginx.conf"

    @property
    def include(self) -> Path:
        return self.folder / "mlship" / f"{self.service}.conf"

    @property
    def log(self) -> Path:
        return self.folder / "mlship.log"

    @property
    def words(self) -> list[str]:
        """What it is called by."""
        program = nginx()
        assert program
        return [program, "-e", f"{self.folder}/error.log", "-p", str(self.folder), "-c", str(self.configuration)]

    @property
    def status(self) -> str:
        return f"http://127.0.0.1:{self.port}/_mlship/{self.service}"

    @property
    def told(self) -> dict[str, object]:
        """The node, as a plan says it."""
        return {
            "include": str(self.include),
            "status": self.status,
            "log": str(self.log),
            "pid": str(self.folder / "nginx.pid"),
            "program": self.words,
        }

    @property
    def entry(self) -> str | None:
        """What runs, as nginx serves it."""
        with suppress(MlshipError):
            return generation(self.status).partition(" ")[2]
        return None

    def edit(self, before: str, after: str) -> None:
        """Change the configuration, by hand."""
        text = self.configuration.read_text()
        assert before in text
        self.configuration.write_text(text.replace(before, after, 1))

    def start(self) -> None:
        """Run it, until it answers."""
        with (self.folder / "out.log").open("ab") as log:
            self.process = subprocess.Popen(self.words, stdout=log, stderr=log, start_new_session=True)
        until(lambda: self.entry is not None)

    def reload(self) -> None:
        """As `systemctl reload nginx`."""
        assert self.process
        self.process.send_signal(signal.SIGHUP)

    @property
    def workers(self) -> set[int]:
        """Those that there are, old ones that end included."""
        assert self.process
        return {child.pid for child in psutil.Process(self.process.pid).children()}

    def kill(self) -> None:
        """SIGKILL to the master and its workers."""
        if self.process is not None:
            group.end(self.process)
            self.process = None


class NginxSite(BalancedSite[Balancer]):
    """A service on driver `nginx`."""

    make = "nginx"
    driver = NginxDriver

    def front(self, folder: Path, **asked: object) -> Balancer:
        """An nginx in that folder, not started."""
        return Balancer(folder=folder, servers=self.addresses, service=self.service, **asked)  # type: ignore[arg-type]

    def told(self) -> dict[str, object]:
        """What a plan says of the nginx that there are."""
        return {"nodes": [each.told for each in self.balancers], "listen": f"127.0.0.1:{self.balancer.port}"}


@contextmanager
def nginx_site() -> Iterator[NginxSite]:
    """An empty site."""
    need("nginx")
    with short_folder() as folder:
        site = NginxSite(folder=folder)
        try:
            yield site
        finally:
            site.clear()
