"""Replicas hired and dismissed: what runs is compared with what is wanted, and no request is lost over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from mlship.clock import Clock
from mlship.dataplane.files import last_lines
from mlship.dataplane.life import exit_code, stop
from mlship.dataplane.router import Router
from mlship.dataplane.upstream import Endpoint, Upstream
from mlship.drivers.process.claim import Claim
from mlship.drivers.process.health import all_healthy, healthy, listens
from mlship.drivers.process.launch import free_port, is_taken, launch
from mlship.drivers.process.replica import Replica, Roster, fingerprint, replica_of, serving
from mlship.drivers.staffing import GRACE, LOG_LINES, await_idle, free_number, with_absent
from mlship.errors import LeaseLost, ModelNotReady
from mlship.plan.model import Model
from mlship.plan.routing import Routing

SETTLED = 1.0
"""Seconds that a replica must go on passing where it cannot be seen that it is the one that listens."""

TRIES = 3
"""Starts of a replica whose port somebody else takes first."""


class Staff(msgspec.Struct, frozen=True, kw_only=True):
    """The replicas of one service."""

    claim: Claim
    roster: Roster
    router: Router
    models: Mapping[str, Model]
    logs: Path
    clock: Clock

    def upstreams(self, *routings: Routing | None) -> Sequence[Upstream]:
        """The models that serve, and those that a routing names although none of their replicas is left."""
        return with_absent(serving(self.roster.all()), routings, self._absent)

    def _absent(self, model: str) -> Upstream:
        spec = self.models.get(model, Model(name=model))
        health = spec.health
        return Upstream(name=model, health_path=health.path, health_timeout=health.timeout, timeout=spec.timeout)

    def bring_to(self, model: Model, wanted: int) -> None:
        """Exactly `wanted` replicas of the model as it is now, each of which has passed its health check.

        Raises:
            ModelNotReady: one did not come up; what was started for this is stopped again.
        """
        told = all_healthy([replica for replica in self.roster.of(model.name) if replica.alive])
        with self.claim.changing():
            stay, starting = self._sorted(model, told)
            starting = starting[: max(wanted - len(stay), 0)]
            starting += self._hire(model, wanted - len(stay) - len(starting), starting)
        stay = stay[:wanted]
        self._await(model, starting)
        names = {replica.name for replica in [*stay, *starting]}
        self.dismiss([replica for replica in self.roster.of(model.name) if replica.name not in names])

    def dismiss(self, replicas: Sequence[Replica]) -> None:
        """Stop replicas: first the router lets go of them, then they finish what they have, then they end."""
        if not replicas:
            return
        with self.claim.changing():
            for replica in replicas:
                self.roster.save(replace(replica, draining=True))
            self._publish()
        self._await_idle(replicas)
        self.claim.check()
        stop([replica.life for replica in replicas], grace=GRACE, clock=self.clock)
        with self.claim.changing():
            self.roster.drop(replicas)
            self._publish()

    def _sorted(self, model: Model, told: Mapping[str, bool]) -> tuple[list[Replica], list[Replica]]:
        """(replicas that serve, replicas that are still starting), dead ones taken off the record."""
        there = self.roster.of(model.name)
        self.roster.drop(replica for replica in there if not replica.alive)
        mine = fingerprint(model)
        fit = [replica for replica in there if replica.alive and replica.fingerprint == mine and not replica.draining]
        stay = [replica for replica in fit if replica.passed and told.get(replica.name)]
        return stay, [replica for replica in fit if not replica.passed]

    def _hire(self, model: Model, count: int, starting: Iterable[Replica]) -> list[Replica]:
        hired: list[Replica] = []
        try:
            for _ in range(count):
                hired.append(self._launch(model, self._free_number(model)))  # noqa: PERF401 - what was started is undone
        except BaseException:
            self._undo([*starting, *hired])
            raise
        return hired

    def _launch(self, model: Model, number: int) -> Replica:
        port = free_port({replica.port for replica in self.roster.all()})
        replica = replica_of(model, number=number, port=port)
        return launch(model, replica, roster=self.roster, log=self._log(replica))

    def _free_number(self, model: Model) -> int:
        return free_number({replica.number for replica in self.roster.of(model.name)})

    def _await(self, model: Model, starting: list[Replica]) -> None:
        try:
            self._all_pass(model, starting)
            with self.claim.changing():
                for replica in starting:
                    self.roster.save(replace(replica, passed=True))
                self._publish()
        except LeaseLost:
            raise
        except BaseException:
            self._undo(starting)
            raise

    def _all_pass(self, model: Model, starting: list[Replica]) -> None:
        deadline = self.clock.now() + model.health.within
        waiting, tries = list(range(len(starting))), 1
        while waiting:
            self.claim.check()
            for place in list(waiting):
                replica = starting[place]
                if replica.alive:
                    if self._passes(replica):
                        waiting.remove(place)
                elif is_taken(replica.port) and tries < TRIES:
                    tries += 1
                    starting[place] = self._again(model, replica)
                else:
                    raise self._died(replica)
            if waiting and self.clock.now() > deadline:
                raise self._late(model, starting[waiting[0]])
            if waiting:
                self.clock.sleep(0.05)

    def _passes(self, replica: Replica) -> bool:
        """It is ours that answers: somebody else may have taken the port while ours is on its way to notice."""
        if not healthy(replica):
            return False
        if listens(replica.life, replica.port):
            return True
        self.clock.sleep(SETTLED)
        return healthy(replica)

    def _again(self, model: Model, replica: Replica) -> Replica:
        with self.claim.changing():
            self.roster.drop([replica])
            return self._launch(model, replica.number)

    def _undo(self, replicas: Iterable[Replica]) -> None:
        replicas = list(replicas)
        stop([replica.life for replica in replicas], grace=GRACE, clock=self.clock)
        self.roster.drop(replicas)

    def _publish(self) -> None:
        self.router.publish(self.upstreams(self.router.routing()))

    def _await_idle(self, replicas: Sequence[Replica]) -> None:
        """Wait until the router has no request on them, at most as long as their model lets them drain."""
        there: dict[str, list[Endpoint]] = {}
        for replica in replicas:
            if replica.alive:
                there.setdefault(replica.model, []).append(Endpoint(port=replica.port))
        patience = max((replica.drain for replica in replicas if replica.alive), default=0.0)
        await_idle(self.router, there, patience=patience, clock=self.clock)

    def _log(self, replica: Replica) -> Path:
        return self.logs / f"{replica.name}.log"

    def _died(self, replica: Replica) -> ModelNotReady:
        code = exit_code(replica.life)
        told = "" if code is None else f" with {f'signal {-code}' if code < 0 else f'exit code {code}'}"
        return self._not_ready(replica, f"{replica.model} died{told} before it was ready")

    def _late(self, model: Model, replica: Replica) -> ModelNotReady:
        what = f"GET {replica.health_path} did not answer 2xx within {model.health.within:g} s"
        return self._not_ready(replica, f"{replica.model} did not pass its health check: {what}")

    def _not_ready(self, replica: Replica, message: str) -> ModelNotReady:
        log = last_lines(self._log(replica), LOG_LINES)
        last = f": {log[-1]}" if log else ""
        return ModelNotReady(f"{message}{last}", hint=f"its log is {self._log(replica)}", log=log)
