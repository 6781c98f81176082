"""Servers of several processes, which are started as a session of their own and ended together."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress

import psutil

from tests.support.site import until


def end(leader: subprocess.Popen[bytes], how: signal.Signals = signal.SIGKILL) -> None:
    """Send the leader and all who came of it a signal, and wait until none of them runs: until then one may answer."""
    members = list(_members(leader.pid))
    with suppress(ProcessLookupError):
        os.killpg(leader.pid, how)
    leader.wait()
    until(lambda: not any(map(_runs, members)))


def _members(group: int) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(ProcessLookupError):
            if os.getpgid(process.pid) == group:
                yield process


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
