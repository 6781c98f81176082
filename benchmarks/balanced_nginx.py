"""nginx for `balancers.py`: bare is a rename of a file that was tested before, and a signal."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from balanced import opening, process, program
from bare import free_port

from mlship.drivers.balancer.nginx import NginxDriver
from mlship.drivers.balancer.nginx.include import text_of
from mlship.drivers.balancer.nginx.lines import http_lines, server_lines

RELOADED = 0.5
"""Seconds after which a reload has ended the workers before."""

_HEAD = """\
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
access_log off;
client_body_temp_path {folder}/t1;
proxy_temp_path {folder}/t2;
fastcgi_temp_path {folder}/t3;
uwsgi_temp_path {folder}/t4;
scgi_temp_path {folder}/t5;
"""


class Nginx:
    """An nginx."""

    name = "nginx"
    target = 1.3

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        self._folder, self._ports = folder, ports
        self._port = free_port()
        self._include = folder / "bench.conf"

    @contextmanager
    def running(self) -> Iterator[int]:
        """Run it, everything on v1; the port that users come in by."""
        self._folder.chmod(0o755)
        self._include.write_text(text_of("v1:10000", "bench"))
        http = http_lines(str(self._include), {name: f"127.0.0.1:{port}" for name, port in self._ports.items()})
        server = server_lines("bench", log=f"{self._folder}/bench.log")
        head = _HEAD.format(folder=self._folder)
        text = f"{head}{http}server {{\nlisten 127.0.0.1:{self._port};\n{server}}}\n}}\n"
        (self._folder / "nginx.conf").write_text(text)
        with process(self._words):
            yield self._port

    def half(self) -> None:
        """Half of the requests to each."""
        self._load("v2:5000,v1:5000")
        time.sleep(RELOADED)

    def back(self) -> None:
        """The bare command."""
        self._load("v1:10000")

    def driver(self, fence: int) -> NginxDriver:
        """The service's driver."""
        settings = {
            "include": str(self._include),
            "status": f"http://127.0.0.1:{self._port}/_mlship/bench",
            "log": f"{self._folder}/bench.log",
            "pid": f"{self._folder}/nginx.pid",
            "program": self._words,
        }
        return NginxDriver(opening("nginx", settings, folder=self._folder, ports=self._ports, fence=fence))

    @property
    def _words(self) -> list[str]:
        folder = self._folder
        return [
            program("nginx", "apt-get install nginx-light"),
            "-e",
            f"{folder}/error.log",
            "-c",
            f"{folder}/nginx.conf",
        ]

    def _load(self, value: str) -> None:
        partial = self._folder / "partial"
        partial.write_text(text_of(value, "bench"))
        partial.replace(self._include)
        os.kill(int((self._folder / "nginx.pid").read_text()), signal.SIGHUP)
