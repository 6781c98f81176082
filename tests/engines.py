"""What some tests need beside Python: skipped where it is missing, unless MLSHIP_REQUIRE names it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest


def _has_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _has_daemon() -> bool:
    """A Docker daemon answers; a machine without one has no client for it either."""
    if not _has_module("docker"):
        return False
    import docker
    from docker.errors import DockerException

    try:
        docker.from_env(timeout=10).close()
    except DockerException:
        return False
    return True


PRESENT: Mapping[str, Callable[[], bool]] = {
    "apache": lambda: apache() is not None,
    "caddy": lambda: caddy() is not None,
    "docker": _has_daemon,
    "envoy": lambda: _has_module("envoy"),
    "haproxy": lambda: haproxy() is not None,
    "hatchling": lambda: _has_module("hatchling"),
    "hey": lambda: shutil.which("hey") is not None,
    "nginx": lambda: nginx() is not None,
    "nghttpx": lambda: nghttpx() is not None,
    "postgresql": lambda: postgresql("initdb") is not None and _has_module("psycopg"),
    "prometheus": lambda: shutil.which("prometheus") is not None,
    "psycopg": lambda: _has_module("psycopg"),
    "root": lambda: os.geteuid() == 0,
    "sklearn": lambda: _has_module("sklearn"),
    "sshd": lambda: sshd() is not None,
    "traefik": lambda: shutil.which("traefik") is not None,
    "wrk": lambda: shutil.which("wrk") is not None,
}

GET: Mapping[str, str] = {
    "apache": "apt-get install apache2-bin",
    "haproxy": "apt-get install haproxy",
    "nginx": "apt-get install nginx-light",
    "nghttpx": "apt-get install nghttp2-proxy",
    "postgresql": "apt-get install postgresql, and pip install 'mlship[sql]'",
    "prometheus": "apt-get install prometheus",
    "psycopg": "pip install 'mlship[sql]'",
    "root": "file systems are mounted for these tests: run them as root",
    "sshd": "apt-get install openssh-server",
}
"""How to get what has no place in the extra `dev`."""


def apache() -> str | None:
    """Apache httpd, as Debian calls it."""
    return _for_root("apache2")


def nghttpx() -> str | None:
    """The proxy of nghttp2, which may be kept there, too."""
    return _for_root("nghttpx")


def caddy() -> str | None:
    """Caddy; its wheel puts it beside Python."""
    return shutil.which("caddy") or shutil.which("caddy", path=str(Path(sys.executable).parent))


def haproxy() -> str | None:
    """HAProxy; Debian keeps it where only root looks for programs."""
    return _for_root("haproxy")


def nginx() -> str | None:
    """nginx, which Debian keeps there, too."""
    return _for_root("nginx")


def sshd() -> str | None:
    """OpenSSH's server, which is kept there, too."""
    return _for_root("sshd")


def _for_root(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def postgresql(program: str) -> Path | None:
    """One of PostgreSQL's programs; Debian keeps them off the path, by version."""
    on_path = shutil.which(program)
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return Path(on_path) if on_path else next(reversed(kept), None)


def need(name: str) -> None:
    """Skip the test where `name` is missing; fail it where MLSHIP_REQUIRE ("envoy hey") says that it must be there."""
    if PRESENT[name]():
        return
    how = f" ({GET[name]})" if name in GET else ""
    if name in os.environ.get("MLSHIP_REQUIRE", "").split():
        pytest.fail(f"{name} is missing{how}, and MLSHIP_REQUIRE names it")
    pytest.skip(f"{name} is missing{how}")
