"""One HAProxy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from mlship.drivers.balancer.haproxy.api import DENIED, RuntimeApi
from mlship.drivers.balancer.haproxy.language import asks_for_copies
from mlship.drivers.balancer.haproxy.lines import COPIES
from mlship.drivers.balancer.haproxy.log import latencies, life_of
from mlship.drivers.balancer.haproxy.ring import NOTHING
from mlship.drivers.balancer.haproxy.stat import asked, backend, proxy, servers, table_of, tally
from mlship.drivers.balancer.mapfile import rewrite, value_in
from mlship.drivers.balancer.node import Server
from mlship.drivers.balancer.untouched import must_be
from mlship.drivers.trouble import Trouble
from mlship.errors import RoutingRefused, UsageError
from mlship.metrics.counters import Tally
from mlship.plan.model import Model

PRINTED = "its configuration needs the lines that `mlship init --driver haproxy` prints"
UNKNOWN = "Unknown map identifier"
ABSENT = "entry not found."


class HaproxyNode(msgspec.Struct, frozen=True, kw_only=True):
    """`Node` over a stats socket and a map."""

    api: RuntimeApi
    map: Path
    key: str
    """The service: its line in the map."""
    persist: bool
    ring: str
    """Empty: no latencies."""
    backends: Mapping[str, str]
    """Model → backend."""
    sums: Path
    """File of the latencies up to the last reading."""
    writes: bool
    """False: opened for looking only."""

    @property
    def name(self) -> str:
        """Its socket."""
        return self.api.address

    def read(self) -> str | None:
        """The service's entry of the map."""
        return self._entry(self.api.ask(self._show))

    def swap(self, value: str, before: str | None) -> None:
        """A step forward: only over `before`.

        Raises:
            Changed: it was another entry by then; nothing was changed.
        """
        must_be(before, self.read(), who=f"HAProxy {self.name}")
        self.write(value)

    def write(self, value: str | None) -> None:
        """Set the entry and read it back, in one go."""
        if value is not None and asks_for_copies(value) and proxy(table_of(self.api), COPIES) is None:
            why = f"HAProxy {self.name} has no frontend {COPIES}: it copies no requests"
            raise RoutingRefused(why, hint=f"{PRINTED} -s shadow")
        if value is None:
            reply = self.api.ask(f"del map {self.map} {self.key}", self._show)
        else:
            reply = self.api.ask(f"set map {self.map} {self.key} {value}", self._show)
            if ABSENT in reply:
                reply = self.api.ask(f"add map {self.map} {self.key} {value}", self._show)
        if self._entry(reply) != value:
            said = reply.strip().partition("\n")[0]
            hint = "give its `stats socket` line `level admin`" if DENIED in reply else PRINTED
            raise RoutingRefused(f"HAProxy {self.name} did not take the split: {said or 'no reply'}", hint=hint)

    def kept(self) -> str | None:
        """The service's line of the map file."""
        return value_in(self.map, self.key) if self.persist else None

    def keep(self, value: str | None) -> None:
        """Have the map file say it, too."""
        if self.persist:
            rewrite(self.map, self.key, value)

    def pool(self, model: Model) -> Sequence[Server]:
        """The servers of the model's backend; those that HAProxy does not check are asked by their health path."""
        name = self.backends.get(model.name, model.name)
        table = table_of(self.api)
        if backend(table, name) is None:
            hint = f"add it to the configuration, or name the right one: `{model.name}: {{ backend: NAME }}`"
            raise UsageError(f"HAProxy {self.name} has no backend {name}", hint=hint)
        return [asked(row, model) for row in servers(table, name)]

    def counts(self) -> tuple[str, Mapping[str, Tally]]:
        """Answers by backend, and their latencies where the log is kept in a ring."""
        life = life_of(self.api)
        table = table_of(self.api)
        found = {model: backend(table, name) for model, name in self.backends.items()}
        buckets = latencies(self.api, self.ring, life, file=self.sums, writes=self.writes) if self.ring else {}
        return life, {
            model: msgspec.structs.replace(tally(row), latency=buckets.get(self.backends[model], NOTHING))
            for model, row in found.items()
            if row is not None
        }

    def troubles(self) -> Iterator[Trouble]:
        """Reach, rights, map, its file, ring, backends."""
        from mlship.drivers.balancer.haproxy.doctor import examine

        return examine(self)

    @property
    def _show(self) -> str:
        return f"show map {self.map}"

    def _entry(self, reply: str) -> str | None:
        if UNKNOWN in reply:
            raise RoutingRefused(f"HAProxy {self.name} has no map {self.map}", hint=PRINTED)
        # Lines of the map begin with an address in memory; what other commands said before them does not.
        entries = [line.split(" ", 2) for line in reply.splitlines() if line.startswith("0x")]
        return next((entry[2] for entry in entries if entry[1:2] == [self.key] and len(entry) == 3), None)
