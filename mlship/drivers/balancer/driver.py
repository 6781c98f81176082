"""The five verbs over balancers that are somebody else's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from msgspec.structs import replace

from mlship.drivers.balancer.fleet import Fleet
from mlship.drivers.balancer.ledger import Entry, Ledger
from mlship.drivers.balancer.node import Language, Node, Server
from mlship.drivers.balancer.sums import added
from mlship.drivers.balancer.words import said
from mlship.drivers.base import Observed, ObservedModel, Opening
from mlship.drivers.claim import Claim
from mlship.drivers.ledgerfile import forget, read_ledger, write_ledger
from mlship.drivers.trouble import Trouble
from mlship.errors import MlshipError, ModelNotReady, OutOfReach, RoutingRefused, UsageError
from mlship.metrics.counters import Counters
from mlship.plan.model import Capability, Model
from mlship.plan.routing import Routing

LOOK_AGAIN = 0.1
"""Seconds between two looks at servers that are not up yet."""


class BalancerDriver:
    """`Driver` over a fleet; a make of balancer says what its nodes are and how they say a routing."""

    capabilities: frozenset[Capability]
    make: ClassVar[str]
    """Its name, as people write it."""

    def __init__(self, opening: Opening, *, fleet: Fleet, language: Language, address: str) -> None:
        folder = opening.state / "balancer" / opening.service
        self._opening = opening
        self._fleet = fleet
        self._language = language
        self._address = address
        self._claim = Claim(service=opening.service, folder=folder, fence=opening.fence, clock=opening.clock)
        if opening.fence is not None:
            self._claim.take()

    def observe(self) -> Observed:
        """The split that each node has, and which servers the nodes hold for up."""
        ledger = self._ledger
        if ledger.set is None and not ledger.taken:
            return Observed(address=self._address)
        found, failures = self._fleet.look()
        values = {**found, **{node.name: self._kept(node) for node in self._fleet.nodes if node.name in failures}}
        return Observed(
            routing=self._meant(ledger, values) if ledger.set else None,
            models={model: self._seen(model) for model in ledger.taken},
            router=ledger.set is not None and not failures,
            unreachable=bool(failures) and not found,
            address=self._address,
        )

    def ensure(self, model: str, replicas: int) -> None:
        """Wait until the model's servers are up; nothing is started: their number is their owner's business."""
        if not replicas:
            self.retire(model)
            return
        spec = self._spec(model)
        deadline = self._opening.clock.now() + spec.health.within
        self._claim.check()
        while missing := self._not_up(spec):
            if self._opening.clock.now() > deadline:
                raise ModelNotReady(
                    f"{model} is not ready within {spec.health.within:g} s: {missing}",
                    hint=f"start its servers, or see why {self.make} holds them for down; mlship starts none",
                )
            self._opening.clock.sleep(LOOK_AGAIN)
            self._claim.check()
        with self._claim.changing():
            ledger = self._ledger
            if model not in ledger.taken:
                write_ledger(self._claim.folder, ledger.with_taken([*ledger.taken, model]))

    def route(self, routing: Routing) -> None:
        """All nodes or none, unless somebody else has changed one of them."""
        value = self._language.value_of(routing)
        with self._claim.changing():
            ledger, before = self._ledger, self._fleet.read()
            for name, found in before.items():
                self._must_be_ours(ledger, name, found, routing)
            entry = Entry(routing=routing, value=value)
            if ledger.set != entry:
                self._must_be_ready(routing)
                write_ledger(self._claim.folder, replace(ledger, intent=entry))
            self._fleet.forward(value, before)
            if ledger.set != entry or ledger.intent is not None:
                write_ledger(self._claim.folder, replace(ledger, set=entry, intent=None))

    def insist(self, routing: Routing) -> None:
        """Every node that answers, at once, whatever stands there; then what could not be reached is told.

        Raises:
            OutOfReach: a node does not answer, or could not keep it; the others have it.
            RoutingRefused: a node did not take it; the others have it.
        """
        value = self._language.value_of(routing)
        with self._claim.changing():
            failures = self._fleet.insist(value)
            ledger = self._ledger
            entry = Entry(routing=routing, value=value)
            # What a node without an answer may still have stays explained.
            write_ledger(self._claim.folder, replace(ledger, set=entry, intent=ledger.set if failures else None))
        for error in failures.values():
            done = [node.name for node in self._fleet.nodes if node.name not in failures]
            rest = f"; done on {', '.join(done)}" if done else ""
            kind = RoutingRefused if isinstance(error, RoutingRefused) else OutOfReach
            raise kind(f"{error.message}{rest}", hint=error.hint)

    def measure(self) -> Counters:
        """The nodes' counters together; a life of theirs ends when one of them starts anew."""
        found, failures = self._fleet.each(lambda node: node.counts())
        for error in failures.values():
            raise error
        epoch = " ".join(f"{name}={life}" for name, (life, _) in found.items())
        models = added(tallies for _, tallies in found.values())
        return Counters(at=self._opening.clock.now(), epoch=epoch, models=models)

    def retire(self, model: str) -> None:
        """Let go of the pool: its servers are their owner's, and go on."""
        self._claim.check()
        with self._claim.changing():
            ledger = self._ledger
            routing = ledger.set.routing if ledger.set else None
            if routing is not None and not routing.closed and model in routing.models and model in ledger.taken:
                raise UsageError(f"{model} still gets traffic", hint="route it away first; nothing was changed")
            if model in ledger.taken:
                write_ledger(self._claim.folder, ledger.with_taken(set(ledger.taken) - {model}))

    def shutdown(self) -> None:
        """Let go of everything: the balancer goes on with the split that it has, and its servers serve."""
        with self._claim.changing():
            forget(self._claim.folder)

    def troubles(self, *, fence: int, held: bool) -> Iterator[Trouble]:
        """What of the nodes stands in the way of the next change, and splits that nobody here has set."""
        del fence, held
        ledger = self._ledger
        for node in self._fleet.nodes:
            yield from node.troubles()
        for name, found in self._fleet.look()[0].items():
            if ledger.set is not None and ledger.explains(found) is None:
                yield Trouble(message=self._changed(ledger, name, found), hint=self._remedy, grave=False)

    @property
    def _ledger(self) -> Ledger:
        ledger = read_ledger(self._claim.folder, Ledger)
        return self._recorded if ledger == Ledger() else ledger

    @property
    def _recorded(self) -> Ledger:
        """What the journal says of balancers that another machine of the team has worked with."""
        asked, intended = (self._entry(routing) for routing in (self._opening.asked, self._opening.intended))
        if asked is None:
            return Ledger()
        taken = {*asked.routing.models, *(intended.routing.models if intended else ())}
        return Ledger(set=asked, intent=intended).with_taken(taken)

    def _entry(self, routing: Routing | None) -> Entry | None:
        try:
            return Entry(routing=routing, value=self._language.value_of(routing)) if routing else None
        except RoutingRefused:
            return None

    def _meant(self, ledger: Ledger, values: Mapping[str, str | None]) -> Routing | None:
        """The routing that all nodes have; where they differ, that of the first which is not as set last."""
        assert ledger.set is not None
        for value in values.values():
            if value != ledger.set.value:
                entry = ledger.explains(value)
                return entry.routing if entry else self._language.routing_of(value or "")
        return ledger.set.routing

    def _kept(self, node: Node) -> str | None:
        """What a node that does not answer comes back with, as far as is known."""
        try:
            kept = node.kept()
        except MlshipError:
            kept = None
        ledger = self._ledger
        return kept if kept is not None or ledger.set is None else ledger.set.value

    def _seen(self, model: str) -> ObservedModel:
        found, _ = self._fleet.each(lambda node: node.pool(self._model(model)))
        pools = [[server for server in pool if not server.parked] for pool in found.values()]
        return ObservedModel(
            running=min(map(len, pools), default=0),
            ready=min((sum(server.up for server in pool) for pool in pools), default=0),
        )

    def _not_up(self, model: Model) -> str:
        """Words for what is missing; empty: the pool can serve. A dead node bars no way back: `route` tells of it."""
        found, failures = self._fleet.each(lambda node: node.pool(model))
        for error in failures.values():
            if not found or isinstance(error, UsageError):
                raise error
        return next((words for name, pool in found.items() if (words := self._lacks(model, name, pool))), "")

    def _lacks(self, model: Model, node: str, pool: Sequence[Server]) -> str:
        there = [server for server in pool if not server.parked]
        down = [server for server in there if not server.up]
        if not there:
            return f"{self.make} {node} has no server of it that is not in maintenance"
        # One that has users already would not serve them better for being waited for.
        if not down or (len(down) < len(there) and self._serves(model.name)):
            return ""
        return f"{self.make} {node} says {', '.join(f'{server.name} {server.told}' for server in down)}"

    def _serves(self, model: str) -> bool:
        entry = self._ledger.set
        return entry is not None and entry.routing.share(model) > 0

    def _must_be_ours(self, ledger: Ledger, node: str, found: str | None, wanted: Routing) -> None:
        if ledger.explains(found) is not None:
            return
        seen = self._language.routing_of(found) if found else None
        if ledger.set is None and (found is None or (seen is not None and seen.weights == wanted.weights)):
            return
        if ledger.set is None:
            raise RoutingRefused(
                f"{self.make} {node} sends {said(seen, found)}, and the first routing would be {said(wanted)}",
                hint="name the model in `live` that it serves now; nothing was changed",
            )
        raise RoutingRefused(self._changed(ledger, node, found), hint=self._remedy)

    def _changed(self, ledger: Ledger, node: str, found: str | None) -> str:
        assert ledger.set is not None
        seen = self._language.routing_of(found) if found else None
        has, last = said(seen, found), said(ledger.set.routing)
        if has == last:
            # The shares are as they were, and a rule or who is kept where is not: the balancer's own words show it.
            has, last = f"{found!r}", f"{ledger.set.value!r}"
        return f"somebody else has changed {self.make} {node}: it has {has}, mlship has set {last}"

    @property
    def _remedy(self) -> str:
        name = self._opening.service
        return (
            f"`mlship rollback {name}` goes back whatever it has, `mlship doctor {name} --repair` sets it as recorded"
        )

    def _spec(self, model: str) -> Model:
        if model not in self._opening.models:
            known = ", ".join(sorted(self._opening.models)) or "none"
            raise UsageError(f"the plan has no model named {model!r}", hint=f"its models: {known}")
        return self._opening.models[model]

    def _model(self, name: str) -> Model:
        return self._opening.models.get(name, Model(name=name))

    def _must_be_ready(self, routing: Routing) -> None:
        if routing.closed:
            return
        missing = sorted(model for model in routing.models if not self._seen(model).ready)
        if missing:
            raise RoutingRefused(
                f"no server of {', '.join(missing)} is up",
                hint="the routing before is still live; bring the model up first",
            )
