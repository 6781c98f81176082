"""One nginx."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from mlship.clock import Clock
from mlship.dataplane.files import replace_file
from mlship.drivers.balancer.health import answers
from mlship.drivers.balancer.mapfile import replace_text, text_if_readable, text_in
from mlship.drivers.balancer.nginx.include import copies_of, generation_of, text_of, upstreams_of, value_of
from mlship.drivers.balancer.nginx.lines import COPIES_PRINTED, copy_location
from mlship.drivers.balancer.nginx.log import Sums, read
from mlship.drivers.balancer.nginx.program import Program
from mlship.drivers.balancer.nginx.status import generation
from mlship.drivers.balancer.node import Server
from mlship.drivers.balancer.sums import read_sums, write_sums
from mlship.drivers.balancer.untouched import must_be
from mlship.drivers.trouble import Trouble
from mlship.errors import MlshipError, OutOfReach, RoutingRefused, UsageError
from mlship.metrics.counters import Tally
from mlship.plan.model import Model

LOADS_WITHIN = 5.0
"""Seconds from the signal until the new generation answers."""
SETTLED = 0.25
"""Seconds for which every new connection meets the new generation: workers of the one before have stopped listening."""
POLL = 0.01
TESTED = 20
"""Generations that are remembered as live once: they need no further test, which keeps a rollback short."""


class NginxNode(msgspec.Struct, frozen=True, kw_only=True):
    """`Node` over the file that nginx includes."""

    program: Program
    status: str
    include: Path
    log: Path
    service: str
    upstreams: Mapping[str, str]
    """Model → upstream."""
    mirror: bool
    """Its configuration is to have the locations that copy requests."""
    memory: Path
    """What files of mlship's own about this node begin with."""
    writes: bool
    """False: opened for looking only."""
    clock: Clock

    @property
    def name(self) -> str:
        """Where it answers."""
        return self.program.name

    def read(self) -> str | None:
        """What runs; where somebody has edited the file of what runs, what it says now."""
        served = generation(self.status)
        text = self.text
        if text and generation_of(text) == served:
            return value_of(text)
        return served.partition(" ")[2]

    def swap(self, value: str, before: str | None) -> None:
        """As `write`, and only over `before`: the file is looked at once more right before it is replaced.

        Raises:
            Changed: it was another value by then; nothing was changed.
        """
        must_be(before, self.read(), who=f"nginx {self.name}")
        self.write(value)

    def write(self, value: str | None) -> None:
        """Replace the file, test, reload, wait until every worker has it; if that fails the file before comes back.

        Where there was none, or it could not be read, the new one stays: nginx does not start without.
        """
        assert value is not None, "nginx never says that it has no split"
        text, before = text_of(value, self.service), text_if_readable(self.include)
        self._replace(text)
        try:
            if generation_of(text) not in self._tested:
                self._test(value)
            self.program.reload()
            self._wait_for(generation_of(text))
        except MlshipError:
            if before:
                self._restore(before)
            raise
        self._remember(generation_of(text))

    def kept(self) -> str | None:
        """What the file says: nginx starts with it."""
        text = self.text
        return value_of(text) if text else None

    def keep(self, value: str | None) -> None:
        """Have the file say it, where nginx itself could not be asked to."""
        assert value is not None, "nginx never says that it has no split"
        if text_if_readable(self.include) != text_of(value, self.service):
            self._replace(text_of(value, self.service))

    def pool(self, model: Model) -> Sequence[Server]:
        """The model's servers, asked by its health path: nginx itself checks none."""
        if not model.pool.servers:
            hint = f"add `{model.name}: {{ servers: [10.0.1.1:8000] }}`: nginx does not tell which servers are up"
            raise UsageError(f"{model.name} names no servers", hint=hint)
        return [self._asked(address, model) for address in model.pool.servers]

    def counts(self) -> tuple[str, Mapping[str, Tally]]:
        """Answers by upstream, out of the log."""
        generation(self.status)
        pid, birth = self.program.master() if not self.program.reload_words else (0, "")
        before = read_sums(self.sums, Sums)
        after = read(self.log, before)
        if self.writes and after != before:
            write_sums(self.sums, after)
        tallies = {model: after.tallies.get(name, Tally()) for model, name in self.upstreams.items()}
        return f"{pid}/{birth}/{after.life}", tallies

    def troubles(self) -> Iterator[Trouble]:
        """Reach, rights, the file and what runs, upstreams, log."""
        from mlship.drivers.balancer.nginx.doctor import examine

        return examine(self)

    @property
    def text(self) -> str:
        """Of the file; empty where there is none.

        Raises:
            OutOfReach: it is there and cannot be read.
        """
        return text_in(self.include)

    @property
    def sums(self) -> Path:
        """File of the counters up to the last reading."""
        return self.memory.with_name(f"{self.memory.name}-sums.json")

    @property
    def _tested_file(self) -> Path:
        return self.memory.with_name(f"{self.memory.name}-tested")

    @property
    def _tested(self) -> Sequence[str]:
        with suppress(OSError, UnicodeError):
            return self._tested_file.read_text(encoding="utf-8").splitlines()
        return []

    def _remember(self, generation: str) -> None:
        if generation not in (known := self._tested):
            with suppress(OutOfReach):
                replace_file(self._tested_file, "".join(f"{each}\n" for each in [*known, generation][-TESTED:]))

    def _asked(self, address: str, model: Model) -> Server:
        fine = answers(address, model.health.path, timeout=model.health.timeout)
        told = "" if fine else f"GET {model.health.path} does not answer 2xx"
        return Server(name=address, up=fine, told=told)

    def _replace(self, text: str) -> None:
        try:
            replace_text(self.include, text)
        except OSError as error:
            raise OutOfReach(
                f"{self.include} cannot be written: {error.strerror or error}",
                hint=f"let mlship's user write {self.include.parent}; the split before is still live",
            ) from error

    def _restore(self, before: str) -> None:
        with suppress(MlshipError):
            self._replace(before)
            self.program.reload()

    def _test(self, value: str) -> None:
        there = self.program.test()
        missing = sorted(upstreams_of(value) - there.upstreams)
        if missing:
            model = next((model for model, name in self.upstreams.items() if name == missing[0]), missing[0])
            hint = f"add it to the configuration, or name the right one: `{model}: {{ backend: NAME }}`"
            raise RoutingRefused(f"nginx {self.name} has no upstream {missing[0]}", hint=hint)
        for number in range(1, copies_of(value) + 1):
            if (at := copy_location(self.service, number)) not in there.mirrors:
                raise RoutingRefused(f"nginx {self.name} copies no requests to {at}", hint=COPIES_PRINTED)

    def _wait_for(self, wanted: str) -> None:
        """Until only workers with that generation take connections."""
        deadline, since = self.clock.now() + LOADS_WITHIN, None
        while since is None or self.clock.now() < since + SETTLED:
            if generation(self.status) != wanted:
                since = None
            elif since is None:
                since = self.clock.now()
            if since is None and self.clock.now() > deadline:
                hint = "its error log tells why; `nginx -t` does not find everything, such as a port that is taken"
                raise RoutingRefused(f"nginx {self.name} has not loaded the split in {LOADS_WITHIN:g} s", hint=hint)
            self.clock.sleep(POLL)
