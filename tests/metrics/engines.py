"""Prometheus and PostgreSQL of the tests' own, on loopback, gone when the tests are."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlship.errors import OutOfReach
from mlship.metrics.prometheus import PrometheusSource
from mlship.metrics.registry import sourced
from mlship.metrics.sql import SqlSource
from tests.engines import postgresql
from tests.metrics.service import Reply, Service, serving
from tests.ports import free_port
from tests.support.site import until

CONFIGURATION = """
global: {{ scrape_interval: 200ms, scrape_timeout: 200ms }}
scrape_configs: [ {{ job_name: shop, static_configs: [ {{ targets: ["127.0.0.1:{port}"] }} ] }} ]
"""
PASSWORD = "p@ss/w:rd?#%41"


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """A Prometheus, and the application that it watches."""

    url: str
    application: Service

    def expose(self, *lines: str) -> None:
        """What the application counts from now on."""
        body = "".join(f"{line}\n" for line in lines).encode()
        self.application.say(Reply(body=body, headers={"Content-Type": "text/plain; version=0.0.4"}))


@contextmanager
def monitoring() -> Iterator[Monitoring]:
    """A Prometheus that scrapes five times a second."""
    with serving() as application, tempfile.TemporaryDirectory() as folder:
        application.say(b"")
        port = free_port()
        configuration = Path(folder, "prometheus.yml")
        configuration.write_text(CONFIGURATION.format(port=application.server_port))
        command = ["prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={folder}/data"]
        with running([*command, f"--web.listen-address=127.0.0.1:{port}"], log=Path(folder, "log")):
            place = Monitoring(url=f"http://127.0.0.1:{port}", application=application)
            until(lambda: answers(PrometheusSource(url=place.url)))
            yield place


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A PostgreSQL, and how to reach it as its owner."""

    port: int
    url: str

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Carry a statement out; the rows that it yields."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


@contextmanager
def database() -> Iterator[Database]:
    """A PostgreSQL that wants a password; user `shop`, database `postgres`."""
    from urllib.parse import quote

    folder = Path(tempfile.mkdtemp(prefix="mlship-pg-"))
    try:
        data, secret = folder / "data", folder / "password"
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (folder, secret):
                shutil.chown(path, "postgres", "postgres")
        command = [program("initdb"), "-D", str(data), "-U", "shop", "-A", "scram-sha-256", "--no-sync", "-E", "UTF8"]
        subprocess.run(
            [*command, f"--pwfile={secret}", "--locale=C"], check=True, capture_output=True, cwd=folder, **as_owner()
        )
        port = free_port()
        settings = [
            "-c",
            "fsync=off",
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-p",
            str(port),
        ]
        url = f"postgresql://shop:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres"
        with running([program("postgres"), "-D", str(data), *settings], log=folder / "log", **as_owner()):
            until(lambda: answers(SqlSource(url=url, query="")))
            yield Database(port=port, url=url)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def program(name: str) -> str:
    path = postgresql(name)
    assert path is not None
    return str(path.resolve())


def as_owner() -> Mapping[str, Any]:
    """PostgreSQL does not run as root."""
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


def answers(spec: PrometheusSource | SqlSource) -> bool:
    try:
        sourced(spec).ping()
    except OutOfReach:
        return False
    return True


@contextmanager
def running(command: Sequence[str], *, log: Path, **how: Any) -> Iterator[None]:
    """A process until the block ends; its output goes to `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **how,
        )
    try:
        yield
    finally:
        # For PostgreSQL this is "fast"; Prometheus takes it as its end, too.
        process.send_signal(signal.SIGINT)
        try:
            process.wait(15.0)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
