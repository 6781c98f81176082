"""nginx as a program of its machine: tested, reloaded, told from any other process."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

import msgspec

from mlship.errors import OutOfReach, RoutingRefused

RUNS_WITHIN = 20.0
"""Seconds that a test or a reload command may take."""

RIGHT = "let mlship do it as in `program: [sudo, nginx]` and `reload: [sudo, systemctl, reload, nginx]`"
_UPSTREAM = re.compile(r"(?:^|[{};])\s*upstream\s+([^\s{]+)\s*\{", re.MULTILINE)
_MIRROR = re.compile(r"(?:^|[{};])\s*mirror\s+([^\s;]+)\s*;", re.MULTILINE)
_EXACT = re.compile(r"(?:^|[{};])\s*location\s+=\s+([^\s{]+)\s*\{", re.MULTILINE)


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """What there is in a configuration that nginx takes."""

    upstreams: frozenset[str]
    mirrors: frozenset[str]
    """Locations that requests are copied to; one that is not there would copy them to everybody's."""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One nginx: how it is called, and where it says which process it is."""

    name: str
    words: tuple[str, ...]
    pid: Path
    reload_words: tuple[str, ...]

    def test(self) -> Tested:
        """What is in the configuration that stands on the disk.

        Raises:
            RoutingRefused: it does not take it.
            OutOfReach: it cannot be asked.
        """
        code, out, told = self._run([*self.words, "-T", "-q"])
        if code:
            hint = RIGHT if "Permission denied" in told else "correct the configuration: `nginx -t` shows it"
            raise RoutingRefused(f"nginx {self.name} does not pass its own test: {_reason(told)}", hint=hint)
        mirrors = frozenset(_MIRROR.findall(out)) & frozenset(_EXACT.findall(out))
        return Tested(upstreams=frozenset(_UPSTREAM.findall(out)), mirrors=mirrors)

    def reload(self) -> None:
        """Have it read its configuration; whether it has, only the generation tells.

        Raises:
            OutOfReach: it does not run, or this user may not signal it.
            RoutingRefused: the plan's own command failed.
        """
        if self.reload_words:
            code, out, told = self._run(self.reload_words)
            if code:
                why = _reason(told or out)
                raise RoutingRefused(f"the reload command of nginx {self.name} failed: {why}", hint="try it by hand")
            return
        self.signal(signal.SIGHUP)

    def signal(self, number: int) -> None:
        """Signal the master; 0 only asks whether that may be done.

        Raises:
            OutOfReach: it does not run, or this user may not.
        """
        pid, _ = self.master()
        try:
            os.kill(pid, number)
        except PermissionError as error:
            raise OutOfReach(f"nginx {self.name} may not be signalled by this user", hint=RIGHT) from error
        except ProcessLookupError as error:
            raise OutOfReach(f"nginx {self.name} does not run any more", hint="start nginx") from error

    def master(self) -> tuple[int, str]:
        """(process id, moment of its birth) of the master.

        Raises:
            OutOfReach: there is none.
        """
        import psutil

        try:
            pid = int(self.pid.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            hint = "start nginx, or correct `pid`: it is in the `pid` line of its configuration"
            raise OutOfReach(f"nginx {self.name} tells no process id: {self.pid}: {_why(error)}", hint=hint) from error
        try:
            process = psutil.Process(pid)
            if "master process" in " ".join(process.cmdline()):
                return pid, f"{process.create_time():.2f}"
        except psutil.Error:
            pass
        hint = "start nginx; the file is left from one that died"
        raise OutOfReach(f"nginx {self.name} does not run: process {pid} of {self.pid} is no nginx", hint=hint)

    def _run(self, words: Sequence[str]) -> tuple[int, str, str]:
        import subprocess

        try:
            done = subprocess.run(
                words, capture_output=True, timeout=RUNS_WITHIN, check=False, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            hint = "correct `program` or `reload` of the driver"
            raise OutOfReach(f"{' '.join(words)} cannot be run: {_why(error)}", hint=hint) from error
        return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def _reason(told: str) -> str:
    """The first line that says what is wrong."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    grave = [line for line in lines if "[emerg]" in line]
    return next(iter([*grave, *lines]), "it gives no reason")[:300]


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
