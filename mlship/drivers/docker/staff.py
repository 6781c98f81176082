"""Replicas hired and dismissed: what runs is compared with what is wanted, and no request is lost over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from mlship.clock import Clock
from mlship.dataplane.router import Router
from mlship.dataplane.upstream import Endpoint, Upstream
from mlship.drivers.docker.claim import Claim
from mlship.drivers.docker.health import Doctor
from mlship.drivers.docker.launch import Launcher
from mlship.drivers.docker.replica import At, Replica, Roster, fingerprint, serving, written
from mlship.drivers.staffing import GRACE, LOG_LINES, await_idle, free_number, with_absent
from mlship.errors import LeaseLost, ModelNotReady
from mlship.plan.model import Model
from mlship.plan.routing import Routing


class Staff(msgspec.Struct, frozen=True, kw_only=True):
    """The replicas of one service."""

    claim: Claim
    roster: Roster
    launcher: Launcher
    doctor: Doctor
    router: Router
    models: Mapping[str, Model]
    clock: Clock

    def upstreams(self, there: Iterable[Replica], *routings: Routing | None) -> Sequence[Upstream]:
        """The models that serve, and those that a routing names although none of their replicas is left."""
        return with_absent(serving(there), routings, self._absent)

    def _absent(self, model: str) -> Upstream:
        told = written(self.models.get(model, Model(name=model)))
        return Upstream(
            name=model, health_path=told.health_path, health_timeout=told.health_timeout, timeout=told.timeout
        )

    def bring_to(self, model: Model, wanted: int) -> None:
        """Exactly `wanted` replicas of the model as it is now, each of which has passed its health check.

        Raises:
            ModelNotReady: one did not come up; what was started for this is removed again.
        """
        with self.claim.changing():
            there = self.roster.of(model.name)
            told = self.doctor.all_healthy(there)
            fit = [each for each in there if each.alive and each.written.fingerprint == fingerprint(model)]
            stay = [each for each in fit if each.at is At.SERVING and told[each.name]][:wanted]
            starting = [each for each in fit if each.at is At.STARTING][: wanted - len(stay)]
            starting += self._hire(model, wanted - len(stay) - len(starting), starting)
        self._await(model, starting)
        ids = {replica.id for replica in [*stay, *starting]}
        self.dismiss([replica for replica in self.roster.of(model.name) if replica.id not in ids])

    def dismiss(self, replicas: Sequence[Replica]) -> None:
        """Stop replicas: first the router lets go of them, then they finish what they have, then they end."""
        if not replicas:
            return
        with self.claim.changing():
            for replica in replicas:
                if replica.at is not At.DRAINING:
                    self.roster.becomes(replica, At.DRAINING)
            self._publish()
        self._await_idle(replicas)
        self.claim.check()
        self.roster.remove(replicas, grace=GRACE)
        with self.claim.changing():
            self._publish()

    def _hire(self, model: Model, count: int, starting: Iterable[Replica]) -> list[Replica]:
        hired: list[Replica] = []
        try:
            for _ in range(count):
                hired.append(self.launcher.launch(model, self._free_number(model)))  # noqa: PERF401 - what was started is undone
        except BaseException:
            self._undo([*starting, *hired])
            raise
        return hired

    def _free_number(self, model: Model) -> int:
        return free_number({replica.number for replica in self.roster.of(model.name)})

    def _await(self, model: Model, starting: list[Replica]) -> None:
        if not starting:
            return
        try:
            self._all_pass(model, starting)
            with self.claim.changing():
                for replica in starting:
                    self.launcher.keeps_running(replica)
                    self.roster.becomes(replica, At.SERVING)
                self._publish()
        except LeaseLost:
            raise
        except BaseException:
            self._undo(starting)
            raise

    def _all_pass(self, model: Model, starting: list[Replica]) -> None:
        deadline, waiting = self.clock.now() + model.health.within, list(starting)
        while waiting:
            self.claim.check()
            told = self.doctor.all_healthy(waiting)
            waiting = [replica for replica in waiting if not told[replica.name]]
            for replica in waiting:
                self._must_live(replica)
            if waiting and self.clock.now() > deadline:
                raise self._late(model, waiting[0])
            if waiting:
                self.clock.sleep(0.1)

    def _must_live(self, replica: Replica) -> None:
        state = self.doctor.state(replica)
        if not state.get("Running"):
            raise self._died(replica, state)

    def _undo(self, replicas: Iterable[Replica]) -> None:
        self.roster.remove(list(replicas), grace=0.0)

    def _publish(self) -> None:
        self.router.publish(self.upstreams(self.roster.all(), self.router.routing()))

    def _await_idle(self, replicas: Sequence[Replica]) -> None:
        """Wait until the router has no request on them, at most as long as their model lets them drain."""
        there: dict[str, list[Endpoint]] = {}
        for replica in replicas:
            if replica.alive:
                there.setdefault(replica.model, []).append(replica.endpoint)
        patience = max((replica.written.drain for replica in replicas if replica.alive), default=0.0)
        await_idle(self.router, there, patience=patience, clock=self.clock)

    def _died(self, replica: Replica, state: Mapping[str, object]) -> ModelNotReady:
        how = "was killed for want of memory" if state.get("OOMKilled") else f"exit code {state.get('ExitCode', '?')}"
        told = f" with {how}" if how.startswith("exit") else f": it {how}"
        return self._not_ready(replica, f"{replica.model} died{told} before it was ready")

    def _late(self, model: Model, replica: Replica) -> ModelNotReady:
        asked = f"GET {replica.written.health_path} on port {replica.written.port} did not answer 2xx"
        what = asked if replica.written.health_path else "its HEALTHCHECK did not pass"
        return self._not_ready(
            replica, f"{replica.model} did not pass its health check: {what} within {model.health.within:g} s"
        )

    def _not_ready(self, replica: Replica, message: str) -> ModelNotReady:
        log = self.doctor.last_words(replica, LOG_LINES)
        last = f": {log[-1]}" if log else ""
        hint = "these are its last lines; the container is removed" if log else "it wrote nothing to its log"
        return ModelNotReady(f"{message}{last}", hint=hint, log=log)
