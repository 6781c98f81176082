"""What a balancer does now: as its API says, or as its answers to users show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import msgspec

from mlship.drivers.balancer.ledger import Ledger
from mlship.drivers.balancer.rest.context import Known
from mlship.drivers.balancer.rest.finding import text_in, weight_in
from mlship.drivers.balancer.rest.probe import ASTRAY, Prober, deviation
from mlship.drivers.balancer.rest.request import sent
from mlship.drivers.balancer.rest.settings import Prepared, Read
from mlship.drivers.balancer.rest.template import Context
from mlship.drivers.balancer.rest.web import Api, Reply
from mlship.drivers.balancer.wholes import value_of, weights_in
from mlship.drivers.ledgerfile import read_ledger
from mlship.errors import OutOfReach, RoutingRefused

BRIEF = 40
"""Requests of a probe that somebody waits for: they show who serves, and no small share."""
WHERE = "see where `weight` of the driver's `read` looks"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A reading."""

    value: str | None
    token: str = ""
    """What a change has to name, so that it is a change of this."""


class Reader(Protocol):
    """How a balancer's value is had."""

    @property
    def lasting(self) -> float:
        """Seconds for which a reading is believed, where nobody is about to change what it is of."""
        ...

    def seen(self, *, brief: bool = False) -> Seen:
        """What it does now; `brief` where a rollback may be waiting.

        Raises:
            OutOfReach: it cannot be had.
        """
        ...


class Preparation(msgspec.Struct, frozen=True, kw_only=True):
    """Requests before each reading and each change, for what they capture."""

    api: Api
    known: Known
    requests: Sequence[Prepared]

    def captured(self) -> Mapping[str, str]:
        """Name → text.

        Raises:
            OutOfReach: a request is not answered, or what it is for is not there.
        """
        found: dict[str, str] = {}
        for step in self.requests:
            context = self.known.context(found)
            reply = self.api.good(sent(step.request, context))
            for name, where in step.capture.items():
                text = text_in(where, reply, context)
                if text is None:
                    hint = "see where `capture` of the driver's `prepare` looks"
                    raise OutOfReach(f"balancer {self.api.name} says no {name}", hint=hint)
                found[name] = text
        return found


class ReadBack(msgspec.Struct, frozen=True, kw_only=True):
    """`Reader` by a request to the API."""

    api: Api
    known: Known
    preparation: Preparation
    template: Read

    @property
    def lasting(self) -> float:
        """Asked anew each time."""
        return 0.0

    def seen(self, *, brief: bool = False) -> Seen:
        """The weights that the reply holds, and its token."""
        del brief
        context = self.known.context(self.preparation.captured())
        reply = self.api.good(sent(self.template.request, context))
        token = text_in(self.template.token, reply, context) if self.template.token else ""
        return Seen(value=self._value(reply, context), token=token or "")

    def _value(self, reply: Reply, context: Context) -> str | None:
        found = dict(self._weights(reply, context))
        missing = [unit for unit, weight in found.items() if weight is None]
        if missing and len(missing) == len(found):
            return None
        if missing:
            hint = f"{WHERE}, or give it a `default`"
            raise OutOfReach(f"balancer {self.api.name} says no weight of {missing[0]}", hint=hint)
        known = {unit: weight for unit, weight in found.items() if weight is not None}
        if self.template.rest_of:
            known[self.template.rest_of] = Fraction(self.known.weights.scale.total) - sum(known.values())
        return value_of(known)

    def _weights(self, reply: Reply, context: Context) -> Iterator[tuple[str, Fraction | None]]:
        for unit, each in self.known.each().items():
            if unit != self.template.rest_of:
                try:
                    yield unit, weight_in(self.template.weight, reply, {**context, "each": each})
                except OutOfReach as error:
                    raise OutOfReach(f"balancer {self.api.name}, {unit}: {error.message}", hint=error.hint) from error


class Probing(msgspec.Struct, frozen=True, kw_only=True):
    """`Reader` by requests as users send them, for an API that tells nothing."""

    prober: Prober
    ledger: Path
    """Folder of what mlship has set."""

    @property
    def lasting(self) -> float:
        """Users' servers answer these requests: not at every look."""
        return 60.0

    def seen(self, *, brief: bool = False) -> Seen:
        """What mlship has set, if the answers fit; else, once a second look has confirmed it, the shares they show."""
        ledger = read_ledger(self.ledger, Ledger)
        values = [entry.value for entry in (ledger.set, ledger.intent) if entry is not None]
        for _ in range(2):
            counts = self.prober.counts(BRIEF if brief else None)
            for value in values:
                if not deviation(counts, self._all(value)):
                    return Seen(value=value)
        return Seen(value=self._shown(counts))

    def shortfall(self, value: str) -> str:
        """How the answers differ from a value; empty: they fit."""
        return deviation(self.prober.counts(), self._all(value))

    def _all(self, value: str) -> Mapping[str, int]:
        return self.prober.weights(weights_in(value))

    def _shown(self, counts: Counter[str]) -> str:
        everything = sum(counts.values())
        if counts[""] > ASTRAY * everything:
            hint = "see the balancer's log, and where `who` of the driver's `probe` looks"
            raise OutOfReach(f"nobody of the plan answers {counts['']} of {everything} requests of users", hint=hint)
        return value_of({model: Fraction(count) for model, count in counts.items() if model})


def unproven(words: str, name: str) -> RoutingRefused:
    """What to raise where a change was taken, and is not what is found afterwards."""
    return RoutingRefused(f"balancer {name} took the change, and {words}", hint="a status of 200 proves nothing")
