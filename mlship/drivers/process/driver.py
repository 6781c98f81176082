"""The five verbs over local processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from mlship.dataplane.local import LocalPlace
from mlship.dataplane.router import Router
from mlship.dataplane.upstream import RouterSettings
from mlship.drivers.abilities import PROCESS
from mlship.drivers.base import Observed, ObservedModel, Opening
from mlship.drivers.process.claim import Claim
from mlship.drivers.process.health import all_healthy
from mlship.drivers.process.replica import Roster, serving
from mlship.drivers.process.staff import Staff
from mlship.drivers.tally import tally
from mlship.drivers.trouble import Trouble
from mlship.errors import OutOfReach, RoutingRefused, UsageError
from mlship.metrics.counters import LATENCY_EDGES, Counters
from mlship.plan.model import Model
from mlship.plan.routing import Routing

DEFAULT_LISTEN = "127.0.0.1:8080"
MOST_WORKERS = 4
LEAST_PATIENCE = 10.0
"""Seconds that a router without models gets to finish what it is at."""


class ProcessDriver:
    """`Driver` on this machine."""

    capabilities = PROCESS

    def __init__(self, opening: Opening) -> None:
        folder = opening.state / "process" / opening.service
        self._opening = opening
        self._models = opening.models
        self._claim = Claim(service=opening.service, folder=folder, fence=opening.fence, clock=opening.clock)
        self._roster = Roster(folder=folder / "replicas", mark=str(folder))
        settings = _settings(opening)
        self._place = LocalPlace(folder=folder / "router", settings=settings, clock=opening.clock)
        self._router = Router(place=self._place, settings=settings, clock=opening.clock, fence=opening.fence or 0)
        self._staff = Staff(
            claim=self._claim,
            roster=self._roster,
            router=self._router,
            models=opening.models,
            logs=folder / "logs",
            clock=opening.clock,
        )
        if opening.fence is not None:
            self._claim.take()

    def observe(self) -> Observed:
        """Processes, their health, and the routing that Envoy has: all asked now."""
        there = [replica for replica in self._roster.all() if replica.alive and not replica.draining]
        told = all_healthy(there)
        models = {
            model: ObservedModel(
                running=sum(replica.model == model for replica in there),
                # Not one that a cut-short `ensure` has left: the router does not know it yet.
                ready=sum(replica.model == model and replica.passed and told[replica.name] for replica in there),
            )
            for model in sorted({replica.model for replica in there})
        }
        return Observed(
            routing=self._router.routing(),
            models=models,
            router=self._router.running is not None,
            address=self._router.address,
        )

    def ensure(self, model: str, replicas: int) -> None:
        """Replicas of the model as its plan has it; others of the same name are drained and stopped."""
        if replicas:
            self._staff.bring_to(self._spec(model), replicas)
        else:
            self.retire(model)

    def route(self, routing: Routing) -> None:
        """Start Envoy if it is down, tell it the models, then switch."""
        with self._claim.changing():
            before = self._router.routing()
            if before is not None:
                self._router.start(self._staff.upstreams(before), before)
            if routing != before:
                self._must_be_ready(routing)
            known = self._staff.upstreams(routing, before)
            self._router.start(known, routing)
            self._router.publish(known)
            self._router.switch(routing, known)
            with suppress(OutOfReach):
                self._router.publish(self._staff.upstreams(routing))

    def measure(self) -> Counters:
        """Envoy's counters."""
        epoch, found = self._router.counts()
        models = {model: tally(count) for model, count in found.items()}
        return Counters(at=self._opening.clock.now(), epoch=epoch, models=models)

    def captures(self) -> Path:
        """The folder with kept answers and outcomes."""
        return self._place.spool.folder

    def rotate(self) -> None:
        """Close its files, and let the router begin new ones; needs no fencing number."""
        self._router.rotate_captures()

    def retire(self, model: str) -> None:
        """Drain and stop; a model that still gets traffic is left alone."""
        self._claim.check()
        routing = self._router.routing()
        if routing is not None and not routing.closed and model in routing.models and self._roster.of(model):
            raise UsageError(f"{model} still gets traffic", hint="route it away first; nothing was stopped")
        self._staff.dismiss(self._roster.of(model))

    def shutdown(self) -> None:
        """Envoy first, so that no user meets a model that has gone."""
        self._claim.check()
        everybody = self._roster.all()
        self._router.stop(max((replica.drain for replica in everybody), default=LEAST_PATIENCE))
        self._staff.dismiss(everybody)

    def troubles(self, *, fence: int, held: bool) -> Iterator[Trouble]:
        """A frozen router, stale locks and claims, processes that nobody knows."""
        from mlship.dataplane.home import Home
        from mlship.drivers.process.remains import Remains

        home = Home(folder=self._claim.folder / "router")
        remains = Remains(
            service=self._opening.service,
            folder=self._claim.folder,
            roster=self._roster,
            home=home,
            clock=self._opening.clock,
        )
        return remains.found(fence=fence, held=held)

    @staticmethod
    def equipment() -> Iterator[Trouble]:
        """The router's binary."""
        from mlship.drivers.process.fitness import router_fit

        return router_fit()

    def _spec(self, model: str) -> Model:
        if model not in self._models:
            known = ", ".join(sorted(self._models)) or "none"
            raise UsageError(f"the plan has no model named {model!r}", hint=f"its models: {known}")
        return self._models[model]

    def _must_be_ready(self, routing: Routing) -> None:
        if routing.closed:
            return
        missing = sorted(routing.models - {upstream.name for upstream in serving(self._roster.all())})
        if missing:
            raise RoutingRefused(
                f"no replica of {', '.join(missing)} is ready",
                hint="the routing before is still live; bring the model up first",
            )


def _settings(opening: Opening) -> RouterSettings:
    listen = str(opening.spec.settings.get("listen", DEFAULT_LISTEN))
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(
            f"driver.process.listen: {listen!r} is not an address and a port", hint=f"write it as {DEFAULT_LISTEN}"
        )
    workers = int(opening.spec.settings.get("workers", min(os.cpu_count() or 1, MOST_WORKERS)))
    return RouterSettings(host=host.strip("[]"), port=int(port), edges=LATENCY_EDGES, workers=workers)
