"""Layout `weights`: the servers of all models in one backend, the split in their weights."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from mlship.drivers.balancer.haproxy.api import DENIED, RuntimeApi
from mlship.drivers.balancer.haproxy.log import latencies, life_of
from mlship.drivers.balancer.haproxy.parking import Parking
from mlship.drivers.balancer.haproxy.ring import NOTHING
from mlship.drivers.balancer.haproxy.stat import (
    Row,
    asked,
    asked_itself,
    backend,
    parked,
    servers,
    table_of,
    tally_of_server,
)
from mlship.drivers.balancer.haproxy.state import ServerState, reweighted, settled, states
from mlship.drivers.balancer.haproxy.weight_language import weights_of
from mlship.drivers.balancer.mapfile import replace_text, unkept
from mlship.drivers.balancer.node import Changed, Server
from mlship.drivers.balancer.sums import added
from mlship.drivers.balancer.untouched import must_be
from mlship.drivers.trouble import Trouble
from mlship.errors import OutOfReach, RoutingRefused, UsageError
from mlship.metrics.counters import Tally
from mlship.plan.model import Model

EVEN = "roundrobin"
"""The one algorithm that keeps to weights exactly, takes them while it runs, and has steps of one request."""
FIT = f"`balance {EVEN}` without `cookie`, or `layout: map`"


class WeightNode(msgspec.Struct, frozen=True, kw_only=True):
    """`Node` over a stats socket and the weights of one backend's servers."""

    api: RuntimeApi
    backend: str
    servers: Mapping[str, tuple[str, ...]]
    state_file: Path
    persist: bool
    ring: str
    sums: Path
    parking: Parking
    """Servers that mlship has put into maintenance, so that a cookie's holders leave them."""
    writes: bool

    @property
    def name(self) -> str:
        """Its socket."""
        return self.api.address

    def read(self) -> str | None:
        """The weight of every server of the plan."""
        return self._value(self.api.ask(self._show))

    def swap(self, value: str, before: str | None) -> None:
        """A step forward: only where the shares are the weights, and only over `before`.

        Raises:
            Changed: the backend is not what it was, or is unfit; nothing was changed.
        """
        if value == before:
            return
        if trouble := self.unfit():
            raise Changed(trouble.message, hint=trouble.hint)
        must_be(before, self.read(), who=f"HAProxy {self.name}")
        self._set(value, alone="", evict=False)

    def write(self, value: str | None) -> None:
        """A way back: one model gets everything under every algorithm, and no other one keeps the holders of a cookie.

        Raises:
            RoutingRefused: HAProxy did not take it, or a split that its algorithm would not keep to.
        """
        if value is None:
            return
        alone = self._alone(value)
        row = backend(table_of(self.api), self.backend)
        evict = bool(alone and row and row.get("cookie"))
        if not evict and value == self._weights(self._states()):
            return
        if not alone and (why := self._uneven(row)):
            raise RoutingRefused(why, hint=FIT)
        self._set(value, alone=alone, evict=evict)

    def kept(self) -> str | None:
        """The weights in the state file."""
        try:
            return self._value(self.state_file.read_text(encoding="utf-8")) if self.persist else None
        except (OSError, UnicodeError, RoutingRefused):
            return None

    def keep(self, value: str | None) -> None:
        """Dump all servers to the state file, save what is of the moment; while HAProxy is away, change its weights."""
        if not self.persist or value is None:
            return
        weights, marked = weights_of(value), self.parking.names
        try:
            text = self.api.ask("show servers state").strip() + "\n"
            text = settled(text, backend=self.backend, parked=marked)
        except OutOfReach:
            awake = [name for name in marked if weights.get(name)]
            text = reweighted(self._filed(), weights, backend=self.backend, awake=awake)
        if text:
            try:
                replace_text(self.state_file, text)
            except OSError as error:
                raise unkept(self.state_file, error) from error

    def pool(self, model: Model) -> Sequence[Server]:
        """The model's servers among those of the backend; HAProxy does not check those that mlship has parked."""
        rows, marked = self._rows(), self.parking.names
        missing = [name for name in self.servers.get(model.name, ()) if name not in rows]
        if missing:
            hint = f"`{model.name}: {{ servers: [...] }}` names servers as the configuration does"
            raise UsageError(f"HAProxy {self.name} has no server {self.backend}/{missing[0]}", hint=hint)
        mine = [rows[name] for name in self.servers.get(model.name, ())]
        return [
            asked_itself(row, model) if row["svname"] in marked and parked(row) else asked(row, model) for row in mine
        ]

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

    def unfit(self) -> Trouble | None:
        """Why the backend's weights would not be its shares; None: they are.

        Raises:
            OutOfReach: it cannot be had.
        """
        if why := self._uneven(backend(table_of(self.api), self.backend)):
            return Trouble(message=why, hint=FIT)
        if others := self._outsiders():
            why = f"backend {self.backend} also sends requests to {', '.join(others)}, of which the plan knows nothing"
            return Trouble(message=why, hint="name it in `servers` of a model, or take it out: `set weight B/S 0`")
        return None

    @property
    def _show(self) -> str:
        return f"show servers state {self.backend}"

    def _uneven(self, row: Row | None) -> str:
        if row is None:
            return f"HAProxy {self.name} has no backend {self.backend}"
        if row.get("algo") and row["algo"] != EVEN:
            # HAProxy has no name for some of them: `random` is "unknown".
            found = "another `balance`" if row["algo"] == "unknown" else f"`balance {row['algo']}`"
            return f"backend {self.backend} has {found}, whose shares are not its weights"
        if row.get("cookie"):
            return f"backend {self.backend} keeps users by cookie {row['cookie']}: a weight of 0 would not move them"
        return ""

    def _outsiders(self) -> Sequence[str]:
        """Servers that take part in the split, and are no model's; one for emergencies (`backup`) does not."""
        known = {name for names in self.servers.values() for name in names}
        spare = {name for name, row in self._rows().items() if row.get("bck") == "1"}
        found = self._states().items()
        return [name for name, each in found if name not in known | spare and each.weight and each.open]

    def _alone(self, value: str) -> str:
        """The model that gets everything; empty: there are several."""
        weights = weights_of(value)
        served = [model for model, names in self.servers.items() if any(weights.get(name) for name in names)]
        return served[0] if len(served) == 1 else ""

    def _set(self, value: str, *, alone: str, evict: bool) -> None:
        """All weights in one go, and read back; what rises comes first, so that somebody always serves."""
        weights, found = weights_of(value), self._states()
        ours = {name for name in self.parking.names if name in found and found[name].forced}
        parking = [name for name, weight in weights.items() if evict and not weight and _serves(found.get(name))]
        if parking:
            # Before it is done: a server that is parked and not known to be would stay so.
            self.parking.note(ours | {*parking})
        orders = self._orders(weights, found, awake=ours, alone=alone)
        orders += [f"set server {self.backend}/{name} state maint" for name in parking]
        reply = self.api.ask(*orders, self._show)
        seen = states(reply, self.backend)
        done = self._has_all(alone, seen, evict=evict) if alone else self._weights(seen) == value
        if not done:
            raise self._refused(reply)
        self.parking.note({name for name in ours | {*parking} if not weights[name]})

    def _orders(
        self, weights: Mapping[str, int], found: Mapping[str, ServerState], *, awake: Collection[str], alone: str
    ) -> list[str]:
        orders = [f"set server {self.backend}/{name} state ready" for name in awake if weights[name]]
        for name, weight in sorted(weights.items(), key=lambda pair: -pair[1]):
            if alone and weight and name in found and not found[name].weight:
                # Algorithms such as static-rr take no weight but 0 and the one in the configuration.
                orders.append(f"set weight {self.backend}/{name} 100%")
            orders.append(f"set weight {self.backend}/{name} {weight}")
        return orders

    def _has_all(self, model: str, seen: Mapping[str, ServerState], *, evict: bool) -> bool:
        """No other model has a weight, or, where a cookie holds users, a server that takes them."""
        mine = self.servers[model]
        others = [seen[name] for names in self.servers.values() for name in names if name in seen and name not in mine]
        return any(seen[name].weight for name in mine if name in seen) and not any(
            each.weight or (evict and not each.maintained) for each in others
        )

    def _refused(self, reply: str) -> RoutingRefused:
        said = next((line for line in reply.splitlines() if line.strip() and line[0] not in "#0123456789"), "no reply")
        hint = "give its `stats socket` line `level admin`" if DENIED in reply else "see `mlship doctor`"
        return RoutingRefused(f"HAProxy {self.name} did not take the weights: {said}", hint=hint)

    def _rows(self) -> Mapping[str, Row]:
        return {row["svname"]: row for row in servers(table_of(self.api), self.backend)}

    def _states(self) -> Mapping[str, ServerState]:
        return states(self.api.ask(self._show), self.backend)

    def _weights(self, found: Mapping[str, ServerState]) -> str | None:
        """The value; None: servers are missing."""
        names = [name for names in self.servers.values() for name in names]
        if any(name not in found for name in names):
            return None
        return " ".join(f"{name}={found[name].weight}" for name in names)

    def _value(self, reply: str) -> str:
        found = states(reply, self.backend)
        value = self._weights(found)
        if value is None:
            missing = next(name for names in self.servers.values() for name in names if name not in found)
            hint = "name backend and servers as HAProxy's configuration does"
            raise RoutingRefused(f"HAProxy {self.name} has no server {self.backend}/{missing}", hint=hint)
        return value

    def _filed(self) -> str:
        try:
            return self.state_file.read_text(encoding="utf-8")
        except (OSError, UnicodeError):
            return ""


def _serves(state: ServerState | None) -> bool:
    return state is not None and not state.maintained
