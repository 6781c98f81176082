"""Layout `weights`: the servers of all models in one backend, the split in their weights.

The value of a routing is the weight of every server, `a=99 b=99 c=2`, absolute: a weight in percent would be one of the
weight in the configuration, and stay 0 where that is 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from mlship.drivers.balancer.haproxy.api import DENIED, RuntimeApi
from mlship.drivers.balancer.haproxy.log import latencies, life_of
from mlship.drivers.balancer.haproxy.ring import NOTHING
from mlship.drivers.balancer.haproxy.stat import Row, asked, backend, servers, table_of, tally_of_server
from mlship.drivers.balancer.mapfile import replace_text, unkept
from mlship.drivers.balancer.node import Server
from mlship.drivers.balancer.sums import added
from mlship.drivers.trouble import Trouble
from mlship.errors import OutOfReach, RoutingRefused, UsageError
from mlship.metrics.counters import Tally
from mlship.plan.model import Model
from mlship.plan.routing import Routing
from mlship.plan.weights import rounded, spread, totals

BY_MAP = "use `layout: map`, which can"
EVEN = "roundrobin"
"""The one algorithm that keeps to weights exactly, takes them while it runs, and has steps of one request."""


class WeightLanguage(msgspec.Struct, frozen=True, kw_only=True):
    """For models on these servers."""

    servers: Mapping[str, tuple[str, ...]]
    """Model → its servers."""

    def value_of(self, routing: Routing) -> str:
        """The routing as a value.

        Raises:
            RoutingRefused: server weights cannot say it.
        """
        if routing.rules or routing.mirrors or routing.capture or routing.closed or routing.assign_by:
            raise RoutingRefused("weights of servers divide requests, and do nothing else", hint=BY_MAP)
        counts = {model: len(names) for model, names in self.servers.items()}
        sums = totals(routing.weights, counts)
        if sums is None:
            shares = ", ".join(f"{model} {width / 100:g}%" for model, width in routing.weights.items())
            raise RoutingRefused(f"no whole weights of these servers are {shares}", hint=BY_MAP)
        weights = {
            name: weight
            for model, names in self.servers.items()
            for name, weight in zip(names, spread(sums.get(model, 0), len(names)), strict=True)
        }
        return " ".join(f"{name}={weight}" for name, weight in weights.items())

    def routing_of(self, value: str) -> Routing | None:
        """The shares that the weights come to, rounded to basis points."""
        found = dict(part.split("=") for part in value.split())
        sums = {model: sum(int(found.get(name, 0)) for name in names) for model, names in self.servers.items()}
        widths = rounded(sums)
        return Routing(segments=tuple(widths.items())) if widths else None


class WeightNode(msgspec.Struct, frozen=True, kw_only=True):
    """`Node` over a stats socket and the weights of one backend's servers."""

    api: RuntimeApi
    backend: str
    servers: Mapping[str, tuple[str, ...]]
    state_file: Path
    persist: bool
    ring: str
    sums: Path
    writes: bool

    @property
    def name(self) -> str:
        """Its socket."""
        return self.api.address

    def read(self) -> str | None:
        """The weight of every server of the plan."""
        return self._value(self.api.ask(self._show))

    def write(self, value: str | None) -> None:
        """Set all weights in one go and read them back; what rises comes first, so that somebody always serves."""
        if value is None or value == self.read():
            return
        self._must_be_even()
        wanted = sorted((part.split("=") for part in value.split()), key=lambda pair: -int(pair[1]))
        orders = [f"set weight {self.backend}/{name} {weight}" for name, weight in wanted]
        reply = self.api.ask(*orders, self._show)
        if self._value(reply) != value:
            said = next(
                (line for line in reply.splitlines() if line.strip() and line[0] not in "#0123456789"), "no reply"
            )
            hint = "give its `stats socket` line `level admin`" if DENIED in reply else "see `mlship doctor`"
            raise RoutingRefused(f"HAProxy {self.name} did not take the weights: {said}", hint=hint)

    def kept(self) -> str | None:
        """The weights in the state file."""
        try:
            return self._value(self.state_file.read_text(encoding="utf-8")) if self.persist else None
        except (OSError, UnicodeError, RoutingRefused):
            return None

    def keep(self, value: str | None) -> None:
        """Dump the state of all servers to the state file; of a HAProxy that is away, the weights are changed in it."""
        if not self.persist or value is None:
            return
        try:
            text = self.api.ask("show servers state").strip() + "\n"
        except OutOfReach:
            text = self._patched(value)
        if text:
            try:
                replace_text(self.state_file, text)
            except OSError as error:
                raise unkept(self.state_file, error) from error

    def pool(self, model: Model) -> Sequence[Server]:
        """The model's servers among those of the backend."""
        rows = self._rows()
        missing = [name for name in self.servers.get(model.name, ()) if name not in rows]
        if missing:
            hint = f"`{model.name}: {{ servers: [...] }}` names servers as the configuration does"
            raise UsageError(f"HAProxy {self.name} has no server {self.backend}/{missing[0]}", hint=hint)
        return [asked(rows[name], model) for name in self.servers.get(model.name, ())]

    def counts(self) -> tuple[str, Mapping[str, Tally]]:
        """Answers by server, added up by model."""
        life, rows = life_of(self.api), self._rows()
        buckets = latencies(self.api, self.ring, life, file=self.sums, writes=self.writes) if self.ring else {}
        readings = [
            {
                model: msgspec.structs.replace(
                    tally_of_server(rows[name]), latency=buckets.get(f"{self.backend}/{name}", NOTHING)
                )
            }
            for model, names in self.servers.items()
            for name in names
            if name in rows
        ]
        return life, added(readings)

    def troubles(self) -> Iterator[Trouble]:
        """Reach, rights, algorithm, cookies, servers, state file, ring."""
        from mlship.drivers.balancer.haproxy.doctor import examine_weights

        return examine_weights(self)

    def unfit(self) -> str:
        """Why the backend's weights would not be its shares; empty: they are.

        Raises:
            OutOfReach: it cannot be had.
        """
        row = backend(table_of(self.api), self.backend)
        if row is None:
            return f"HAProxy {self.name} has no backend {self.backend}"
        if row.get("algo") and row["algo"] != EVEN:
            # HAProxy has no name for some of them: `random` is "unknown".
            found = "another `balance`" if row["algo"] == "unknown" else f"`balance {row['algo']}`"
            return f"backend {self.backend} has {found}, whose shares are not its weights"
        if row.get("cookie"):
            return f"backend {self.backend} keeps users by cookie {row['cookie']}: a weight of 0 would not move them"
        return ""

    @property
    def _show(self) -> str:
        return f"show servers state {self.backend}"

    def _must_be_even(self) -> None:
        if why := self.unfit():
            raise RoutingRefused(why, hint=f"`balance {EVEN}` without `cookie`, or `layout: map`")

    def _rows(self) -> Mapping[str, Row]:
        return {row["svname"]: row for row in servers(table_of(self.api), self.backend)}

    def _value(self, reply: str) -> str:
        found = {words[3]: words[7] for words in _states(reply) if words[1] == self.backend}
        names = [name for names in self.servers.values() for name in names]
        if missing := [name for name in names if name not in found]:
            hint = "name backend and servers as HAProxy's configuration does"
            raise RoutingRefused(f"HAProxy {self.name} has no server {self.backend}/{missing[0]}", hint=hint)
        return " ".join(f"{name}={found[name]}" for name in names)

    def _patched(self, value: str) -> str:
        weights = dict(part.split("=") for part in value.split())
        try:
            lines = self.state_file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeError):
            return ""
        return "".join(f"{self._line(line, weights)}\n" for line in lines)

    def _line(self, line: str, weights: Mapping[str, str]) -> str:
        words = line.split(" ")
        if line.startswith("#") or len(words) < 8 or words[1] != self.backend or words[3] not in weights:
            return line
        return " ".join([*words[:7], weights[words[3]], *words[8:]])


def _states(text: str) -> Iterator[list[str]]:
    """Words of each server's line: the second is its backend, the fourth its name, the eighth its weight."""
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) >= 8 and words[0].isdigit():
            yield words
