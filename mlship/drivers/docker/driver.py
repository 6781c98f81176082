"""The five verbs over containers of a Docker daemon."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from mlship.dataplane.router import Router
from mlship.drivers.abilities import DOCKER
from mlship.drivers.base import Observed, ObservedModel, Opening
from mlship.drivers.docker.captures import Captures
from mlship.drivers.docker.claim import Claim
from mlship.drivers.docker.daemon import connect
from mlship.drivers.docker.health import Doctor
from mlship.drivers.docker.launch import Launcher
from mlship.drivers.docker.names import Names
from mlship.drivers.docker.network import Network
from mlship.drivers.docker.pinning import Document, pinned
from mlship.drivers.docker.place import ContainerPlace
from mlship.drivers.docker.probe import Probe
from mlship.drivers.docker.remains import Remains
from mlship.drivers.docker.replica import At, Replica, Roster, serving
from mlship.drivers.docker.room import must_fit, room_of
from mlship.drivers.docker.settings import settings_of
from mlship.drivers.docker.staff import Staff
from mlship.drivers.process.claim import Claim as LocalClaim
from mlship.drivers.remembered import Remembered
from mlship.drivers.tally import tally
from mlship.drivers.trouble import Trouble
from mlship.errors import MlshipError, OutOfReach, RoutingRefused, UsageError
from mlship.metrics.counters import Counters
from mlship.plan.capacity import Room
from mlship.plan.model import Model
from mlship.plan.routing import Routing

if TYPE_CHECKING:
    from docker import DockerClient

REMEMBERED = "service.json"
"""The file in the router's container for those who have no journal of the service."""

LEAST_PATIENCE = 10.0
"""Seconds that a router without models gets to finish what it is at."""


class DockerDriver:
    """`Driver` on a Docker daemon."""

    capabilities = DOCKER

    def __init__(self, opening: Opening) -> None:
        settings = settings_of(opening.spec.settings)
        folder = opening.state / "docker" / opening.service
        client, names = connect(opening.spec.settings), Names(service=opening.service, rollout=opening.rollout)
        self._opening = opening
        self._client, self._names = client, names
        self._settings = settings
        local = LocalClaim(service=opening.service, folder=folder, fence=opening.fence, clock=opening.clock)
        self._claim = Claim(client=client, names=names, local=local)
        self._roster = Roster(client=client, names=names)
        self._network = Network(client=client, names=names)
        self._place = ContainerPlace(
            client=client, names=names, network=self._network, settings=settings, clock=opening.clock
        )
        self._captures = Captures(place=self._place, folder=folder / "captures", clock=opening.clock)
        self._router = Router(
            place=self._place, settings=settings.router, clock=opening.clock, fence=opening.fence or 0
        )
        self._probe = Probe(
            client=client, names=names, network=self._network, image=settings.image, router=self._place.session
        )
        self._doctor = Doctor(client=client, run=self._probe.run)
        self._staff = Staff(
            claim=self._claim,
            roster=self._roster,
            launcher=Launcher(client=client, names=names, network=self._network),
            doctor=self._doctor,
            router=self._router,
            models=opening.models,
            clock=opening.clock,
        )
        weakref.finalize(self, _close, client, self._place)
        if opening.fence is not None:
            # It takes longer to start than the claim does.
            with suppress(OutOfReach):
                self._place.session.open()
            self._claim.take()

    def observe(self) -> Observed:
        """Containers, their health, and the routing that Envoy has: all asked now."""
        if self._opening.fence is not None:
            self._claim.check()
        there = [replica for replica in self._roster.all() if replica.alive and replica.at is not At.DRAINING]
        with self._probe:
            told = self._doctor.all_healthy(there)
        with self._place.at_once():
            running = self._place.running
            return Observed(
                routing=self._router.routing(),
                models={
                    model: self._seen(model, there, told) for model in sorted({replica.model for replica in there})
                },
                router=running is not None,
                address=running.address if running else self._settings.listen,
            )

    def _seen(self, model: str, there: list[Replica], told: Mapping[str, bool]) -> ObservedModel:
        mine = [replica for replica in there if replica.model == model]
        return ObservedModel(
            running=len(mine),
            # Not one that a cut-short `ensure` has left: the router does not know it yet.
            ready=sum(replica.at is At.SERVING and told[replica.name] for replica in mine),
            restarts=sum(self._doctor.state(replica).get("RestartCount", 0) for replica in mine),
        )

    def ensure(self, model: str, replicas: int) -> None:
        """Replicas of the model as its plan has it; others of the same name are drained and removed."""
        if replicas:
            with self._probe:
                self._staff.bring_to(self._spec(model), replicas)
        else:
            self.retire(model)

    def route(self, routing: Routing) -> None:
        """Start the router if it is down, tell it the models, then switch."""
        with self._claim.changing(), self._place.at_once():
            before, there = self._router.routing(), self._roster.all()
            if before is not None:
                self._router.start(self._staff.upstreams(there, before), before)
            if routing != before:
                _must_be_ready(routing, there)
            known = self._staff.upstreams(there, routing, before)
            self._router.start(known, routing)
            self._router.publish(known)
            self._router.switch(routing, known)
            with suppress(OutOfReach):
                self._router.publish(self._staff.upstreams(there, routing))
            self._remember()

    def measure(self) -> Counters:
        """Envoy's counters."""
        epoch, found = self._router.counts()
        models = {model: tally(count) for model, count in found.items()}
        return Counters(at=self._opening.clock.now(), epoch=epoch, models=models)

    def captures(self) -> Path:
        """The folder here with kept answers and outcomes."""
        return self._captures.folder

    def rotate(self) -> None:
        """Have the router begin new files, and bring the others here; needs no fencing number."""
        self._router.rotate_captures()
        self._captures.fetch()

    def retire(self, model: str) -> None:
        """Drain and remove; a model that still gets traffic is left alone."""
        self._claim.check()
        routing, there = self._router.routing(), self._roster.of(model)
        if routing is not None and not routing.closed and model in routing.models and there:
            raise UsageError(f"{model} still gets traffic", hint="route it away first; nothing was stopped")
        self._staff.dismiss(there)

    def shutdown(self) -> None:
        """The router first, so that no user meets a model that has gone; then the network and the claims."""
        self._claim.check()
        everybody = self._roster.all()
        with suppress(OutOfReach):
            self.rotate()
        self._router.stop(max((replica.written.drain for replica in everybody), default=LEAST_PATIENCE))
        self._staff.dismiss(everybody)
        self._probe.clear()
        self._network.remove()
        self._claim.release()

    def troubles(self, *, fence: int, held: bool) -> Iterator[Trouble]:
        """A frozen router, another journal's claims, containers that were left behind."""
        return Remains(claim=self._claim, roster=self._roster, place=self._place).found(fence=fence, held=held)

    def room(self) -> Room:
        """What the daemon's machine has."""
        return room_of(self._client)

    @staticmethod
    def equipment() -> Iterator[Trouble]:
        """The daemon; a machine without one has no use for this driver, and nothing is wrong with it."""
        try:
            connect({}).close()
        except MlshipError as error:
            yield Trouble(message=error.message, hint=error.hint, grave=False)

    def remembered(self) -> Remembered | None:
        """What the router's container was told of the service."""
        text = self._place.files.read(REMEMBERED)
        if text is None:
            return None
        found = msgspec.json.decode(text.encode(), type=Remembered)
        return replace(found, fence=max(self._claim.claimed(), default=0))

    def pinned(
        self, models: Mapping[str, Document], *, known: Mapping[str, Document], provide: bool
    ) -> Mapping[str, Document]:
        """Each model with the digest of its image; with `provide` images are pulled or built first."""
        self._must_stay()
        if provide:
            must_fit(self._opening.models, self.room())
        base = self._opening.base
        return {
            name: pinned(self._client, self._names, name, model, known=known.get(name, {}), fetch=provide, base=base)
            for name, model in models.items()
        }

    def _must_stay(self) -> None:
        running, listen = self._place.running, self._settings.listen
        if running is not None and running.address != listen:
            service = self._opening.service
            raise UsageError(
                f"{service} is published on {running.address}, and a container keeps its port",
                hint=f"write `listen: {running.address}`, or `mlship down {service}` and deploy it again on {listen}",
            )

    def _remember(self) -> None:
        text = json.dumps(self._opening.remember)
        if self._opening.remember and self._place.files.read(REMEMBERED) != text:
            self._place.files.replace(REMEMBERED, text)

    def _spec(self, model: str) -> Model:
        if model not in self._opening.models:
            known = ", ".join(sorted(self._opening.models)) or "none"
            raise UsageError(f"the plan has no model named {model!r}", hint=f"its models: {known}")
        return self._opening.models[model]


def _must_be_ready(routing: Routing, there: Iterable[Replica]) -> None:
    if routing.closed:
        return
    missing = sorted(routing.models - {upstream.name for upstream in serving(there)})
    if missing:
        raise RoutingRefused(
            f"no replica of {', '.join(missing)} is ready",
            hint="the routing before is still live; bring the model up first",
        )


def _close(client: DockerClient, place: ContainerPlace) -> None:
    place.let_go()
    client.close()
