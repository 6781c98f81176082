"""One Caddy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from mlship.drivers.balancer.caddy.admin import AdminApi, told
from mlship.drivers.balancer.caddy.block import PRINTED, Json, decoded, encoded, split_in, with_split
from mlship.drivers.balancer.caddy.language import CaddyLanguage
from mlship.drivers.balancer.caddy.log import life_of, tallies
from mlship.drivers.balancer.endpoint import Reply
from mlship.drivers.balancer.health import asked
from mlship.drivers.balancer.node import Changed, Server
from mlship.drivers.balancer.words import said
from mlship.drivers.trouble import Trouble
from mlship.errors import OutOfReach, RoutingRefused, UsageError
from mlship.metrics.counters import Tally
from mlship.plan.model import Model

TRIES = 5
"""How often a change is begun anew because somebody else was quicker, before that is told."""
PRESSES = 20
"""The same for a way back; after `TRIES` it no longer minds what else has changed."""
TAKEN, STALE, UNKNOWN = {200}, {412}, {0}


class CaddyNode(msgspec.Struct, frozen=True, kw_only=True):
    """`Node` over an admin endpoint and the handler with our id."""

    api: AdminApi
    id: str
    log: Path
    servers: Mapping[str, tuple[str, ...]]
    """Model → addresses."""
    sums: Path
    """File of what the log has come to up to the last reading."""
    writes: bool
    """False: opened for looking only."""

    @property
    def name(self) -> str:
        """Its admin endpoint."""
        return self.api.address

    def read(self) -> str | None:
        """What the handler does."""
        return self._value(self.block()[0])

    def write(self, value: str | None) -> None:
        """Have the handler do it whatever it does, and read it back."""
        if value is not None:
            self._become(value, None)

    def swap(self, value: str, before: str | None) -> None:
        """As `write`, as long as it does what it did before."""
        self._become(value, before)

    def kept(self) -> str | None:
        """Caddy keeps its configuration by itself, where it is told to resume; only it knows where."""
        return None

    def keep(self, value: str | None) -> None:
        """Nothing: Caddy has saved it."""

    def pool(self, model: Model) -> Sequence[Server]:
        """The model's servers, asked by its health path: Caddy tells of those that it checks only in its log."""
        addresses = self.servers.get(model.name, ())
        if not addresses:
            hint = f"add `{model.name}: {{ servers: [10.0.0.1:8000] }}` to the plan's models"
            raise UsageError(f"nothing says which servers {model.name} has", hint=hint)
        return [asked(address, model) for address in addresses]

    def counts(self) -> tuple[str, Mapping[str, Tally]]:
        """Answers by model, out of the access log."""
        return tallies(self.log, life_of(self.api), self.servers, file=self.sums, writes=self.writes)

    def troubles(self) -> Iterator[Trouble]:
        """Reach, handler, policy, log, persistence."""
        from mlship.drivers.balancer.caddy.doctor import examine

        return examine(self)

    def block(self) -> tuple[Json, str]:
        """(our handler, what it can be swapped by).

        Raises:
            RoutingRefused: there is none.
        """
        reply = self.api.get(self._path)
        if reply.status == 404:
            raise RoutingRefused(f"Caddy {self.name} has no handler with the id {self.id}", hint=PRINTED)
        if reply.status != 200:
            raise RoutingRefused(
                f"Caddy {self.name} does not show {self.id}: {told(reply)}", hint="see `mlship doctor`"
            )
        return json.loads(reply.text), reply.etag

    @property
    def _path(self) -> str:
        return f"/id/{self.id}"

    def _become(self, value: str, before: str | None) -> None:
        """Until it is read back: an answer that was lost, and one that somebody else was quicker, are asked about."""
        split = decoded(value)
        assert split is not None
        for number in range(TRIES if before is not None else PRESSES):
            block, etag = self.block()
            found = self._value(block) if before is not None else self._value_or_none(block)
            if found == value:
                return
            if before is not None and found != before:
                why = f"it has {self._said(found)}, mlship has set {self._said(before)}"
                hint = "see who; `mlship status` and `mlship doctor` tell what it has now"
                raise Changed(f"somebody else changed Caddy {self.name} in this moment: {why}", hint=hint)
            changed = with_split(block, split, self.servers.values())
            reply = self.api.patch(self._path, changed, etag=etag if number < TRIES else "")
            self._must_be_taken(reply)
        if (has := self.read()) != value:
            raise RoutingRefused(
                f"Caddy {self.name} did not take the split: it has {self._said(has)}", hint="see its log"
            )

    def _value(self, block: Json) -> str:
        return encoded(split_in(block, self.servers.values()))

    def _value_or_none(self, block: Json) -> str | None:
        """For a way back: what somebody has made of the handler and nobody can say is no reason to stop."""
        with suppress(RoutingRefused):
            return self._value(block)
        return None

    def _said(self, value: str | None) -> str:
        return said(CaddyLanguage(servers=self.servers).routing_of(value or ""), value)

    def _must_be_taken(self, reply: Reply) -> None:
        if reply.status in TAKEN | STALE | UNKNOWN:
            return
        kind = OutOfReach if reply.status in {401, 403} else RoutingRefused
        hint = "let mlship use its admin API" if kind is OutOfReach else "the split before is still live"
        raise kind(f"Caddy {self.name} did not take the split: {told(reply)}", hint=hint)
