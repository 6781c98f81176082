"""Numbers that a program prints."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import PurePath
from time import monotonic
from typing import Annotated, Any

import msgspec

from mlship.errors import OutOfReach, UsageError
from mlship.metrics.address import quoted
from mlship.metrics.base import Parts, Totals, number
from mlship.metrics.patience import TIMEOUT, Seconds

MOST_OUTPUT = 1_000_000
"""Bytes of output that are read."""
_LAST_WORDS = 3
"""Lines of the error output that a message holds."""
_MOST_ERRORS = 4_096
_CHUNK = 65_536


class CommandSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A program that prints one object in JSON.

    Its environment is that of mlship, and MLSHIP_MODEL, MLSHIP_SINCE and MLSHIP_UNTIL: the model's name, and
    the interval asked about in seconds since the epoch.
    """

    run: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    """The program and its arguments; no shell reads them. It prints {"value": 0.2}, or {"count": 9, "sum": 4}."""
    workdir: str = "."
    """Folder that it runs in."""
    timeout: Seconds = TIMEOUT
    """Seconds after which it is ended."""


class Command:
    """`Source` over a program's output. null, and a number that is null, are no data."""

    def __init__(self, spec: CommandSource, env: Mapping[str, str]) -> None:
        self._spec = spec
        self._env = env
        self._shown = quoted(PurePath(spec.run[0]).name)

    def totals(self, model: str, since: float, until: float) -> Totals | None:
        """`count`, `sum` and, where it prints one, `square`."""
        printed = self._printed(model, since, until)
        if printed is None:
            return None
        names = ["count", "sum", *(["square"] if "square" in printed else [])]
        found = {name: self._number(printed, name) for name in names}
        return Parts(**found, squared="square" in printed).totals(source=self._shown)

    def value(self, model: str, since: float, until: float) -> float | None:
        """`value`."""
        printed = self._printed(model, since, until)
        return None if printed is None else self._number(printed, "value")

    def ping(self) -> None:
        """The program is there; it is not run."""
        from shutil import which

        program = self._spec.run[0]
        place = os.path.join(self._spec.workdir, program) if os.sep in program else program  # noqa: PTH118 - a command
        if which(place, path=self._env.get("PATH")) is None:
            raise self._not_started("there is no such program, or it may not be run")

    def _number(self, printed: Mapping[str, Any], name: str) -> float | None:
        if name not in printed:
            said = f"{self._shown} prints no {name}, only {quoted(', '.join(printed)) or 'an empty object'}"
            raise UsageError(said, hint='a program prints {"value": 0.2}, or {"count": 9, "sum": 4}')
        return number(printed[name], what=f"{self._shown}: {name}")

    def _printed(self, model: str, since: float, until: float) -> Mapping[str, Any] | None:
        asked = {"MLSHIP_MODEL": model, "MLSHIP_SINCE": f"{since:.3f}", "MLSHIP_UNTIL": f"{until:.3f}"}
        output = self._output({**self._env, **asked})
        try:
            printed = msgspec.json.decode(output)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            begins = f"it begins with {quoted(output.decode('utf-8', 'replace'))}" if output else "it is empty"
            raise OutOfReach(f"the output of {self._shown} is no JSON", hint=begins) from error
        if printed is not None and not isinstance(printed, dict):
            raise UsageError(f"{self._shown} prints no object", hint='print one such as {"value": 0.2}')
        return printed

    def _output(self, env: Mapping[str, str]) -> bytes:
        with self._started(env) as program:
            streams = _Streams(ends=monotonic() + self._spec.timeout)
            streams.read(program)
            if streams.late:
                raise OutOfReach(f"{self._shown} was not done in {self._spec.timeout:g} s", hint=streams.last_words)
            if len(streams.output) > MOST_OUTPUT:
                raise OutOfReach(f"{self._shown} prints more than {MOST_OUTPUT:,} bytes", hint="print one object")
            code = program.returncode
        if code:
            how = f"failed with {code}" if code > 0 else f"was ended by {signal.Signals(-code).name}"
            raise OutOfReach(f"{self._shown} {how}", hint=streams.last_words)
        return bytes(streams.output)

    @contextmanager
    def _started(self, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
        """The program, in a session of its own; nothing of it is left afterwards."""
        try:
            program = subprocess.Popen(
                self._spec.run,
                cwd=self._spec.workdir,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise self._not_started(getattr(error, "strerror", None) or str(error)) from error
        with program:
            try:
                yield program
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(program.pid, signal.SIGKILL)

    def _not_started(self, why: str) -> UsageError:
        hint = "correct the command or its workdir in the plan, or install the program"
        return UsageError(f"{self._shown} cannot be started: {why}", hint=hint)


@dataclass(slots=True, kw_only=True)
class _Streams:
    """What a program writes, read until it ends, writes too much or has had its time."""

    ends: float
    output: bytearray = field(default_factory=bytearray)
    errors: bytearray = field(default_factory=bytearray)
    late: bool = False

    @property
    def last_words(self) -> str:
        """The last lines of the error output."""
        lines = [line.strip() for line in self.errors.decode("utf-8", "replace").splitlines() if line.strip()]
        return " | ".join(quoted(line) for line in lines[-_LAST_WORDS:]) or "it wrote nothing to its error output"

    def read(self, program: subprocess.Popen[bytes]) -> None:
        """Read both of them."""
        with selectors.DefaultSelector() as selector:
            for stream in (program.stdout, program.stderr):
                assert stream is not None
                selector.register(stream, selectors.EVENT_READ)
            while selector.get_map() and len(self.output) <= MOST_OUTPUT and not self.late:
                for key, _ in selector.select(max(self.ends - monotonic(), 0.0)):
                    if not self._take(key.fd, is_output=key.fileobj is program.stdout):
                        selector.unregister(key.fileobj)
                self.late = monotonic() > self.ends
        self._wait(program)

    def _take(self, fd: int, *, is_output: bool) -> bool:
        chunk = os.read(fd, _CHUNK)
        if is_output:
            self.output += chunk
        else:
            self.errors = (self.errors + chunk)[-_MOST_ERRORS:]
        return bool(chunk)

    def _wait(self, program: subprocess.Popen[bytes]) -> None:
        if self.late or len(self.output) > MOST_OUTPUT:
            return
        try:
            program.wait(max(self.ends - monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            self.late = True
