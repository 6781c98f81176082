"""One Envoy as the router of one service: it outlives every command, and is found again by any shell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from mlship.clock import Clock
from mlship.dataplane import channel, resources, shadows
from mlship.dataplane.bootstrap import CLUSTERS, LISTENERS, ROUTES, SHADOWS, bootstrap
from mlship.dataplane.channel import Channel, Discovery, Resources
from mlship.dataplane.clusters import assignment, endpoints_file
from mlship.dataplane.counts import Count, read_counts
from mlship.dataplane.files import make_folder, replace_file, writing
from mlship.dataplane.home import Home, Running
from mlship.dataplane.life import stop
from mlship.dataplane.listener import ROUTE_CONFIG, spool_of
from mlship.dataplane.routes import routes, routing_of
from mlship.dataplane.spool import Spool
from mlship.dataplane.upstream import RouterSettings, Upstream
from mlship.errors import OutOfReach, RoutingRefused
from mlship.plan.routing import Routing

if TYPE_CHECKING:
    from mlship.dataplane.admin import Admin

WARM_WITHIN = 15.0
"""Seconds in which the first health checks of new replicas must end."""

CHECKED_WITHIN = 3.0
"""Seconds in which Envoy's own health checks of new replicas are waited for."""

QUIT_WITHIN = 5.0
"""Seconds that Envoy gets to end once it is told to."""

_SCOPES = {
    LISTENERS: "listener_manager.lds",
    CLUSTERS: "cluster_manager.cds",
    ROUTES: f"http.main.rds.{ROUTE_CONFIG}",
    SHADOWS: f"http.shadow.rds.{shadows.ROUTE_CONFIG}",
}


class Router:
    """Acts of one holder of the service; `fence` makes its versions differ from everybody else's."""

    def __init__(self, *, folder: Path, settings: RouterSettings, clock: Clock, fence: int = 0) -> None:
        self._home = Home(folder=folder)
        self._settings = settings
        self._clock = clock
        self._fence = fence

    @property
    def running(self) -> Running | None:
        """The Envoy that runs now."""
        return self._home.running()

    @property
    def address(self) -> str:
        """Where users send their requests."""
        running = self.running
        return running.address if running else self._settings.address

    @property
    def spool(self) -> Spool:
        """Answers and outcomes that wait to be read."""
        return spool_of(self._home.folder, self._settings)

    def routing(self) -> Routing | None:
        """The routing that is live; of a router that is down, the one that comes back with it.

        Raises:
            OutOfReach: the router runs and does not answer.
        """
        kept = [found for file in self._route_files if (found := channel.read(file))]
        if not kept:
            return None
        live = self._channel(ROUTES).live() if self.running else ""
        return routing_of(next((found for found in kept if found.version == live), kept[0]).resources[0])

    def counts(self) -> tuple[str, Mapping[str, Count]]:
        """(identity of this life of the router, numbers per model since it began).

        Raises:
            OutOfReach: it is down, or does not answer.
        """
        running = self._must_run()
        return f"{running.life.pid}@{running.life.birth}", read_counts(self._admin.get, self._clock.sleep)

    def rotate_captures(self) -> None:
        """Give the spool's files names of their own, and have Envoy begin new ones.

        Envoy lets go of a file within a second; until then the last lines of it still come.

        Raises:
            OutOfReach: they cannot be renamed, or the router runs and does not answer.
        """
        if self.spool.rotate(self._clock.now()) and self.running:
            self._admin.post("/reopen_logs")

    def start(self, upstreams: Sequence[Upstream], routing: Routing) -> None:
        """Start Envoy with this routing; where it runs already nothing happens.

        Raises:
            OutOfReach: it cannot be started, or its port is taken.
            RoutingRefused: it refuses the routing.
        """
        if self.running:
            return
        from mlship.dataplane import envoy

        fresh = channel.read(self._home.file(ROUTES)) is None
        make_folder(self._home.folder)
        self.spool.prepare()
        admin = self._home.admin_socket()
        self._write_all(upstreams, routing, admin)
        try:
            envoy.start(self._home, admin=admin, settings=self._settings, clock=self._clock)
        except OutOfReach:
            if fresh:
                self._home.forget()
            raise
        self._forget_connection()

    def publish(self, upstreams: Sequence[Upstream]) -> None:
        """Make these the models and replicas that routes can lead to; a model that is left out must have no route.

        Raises:
            RoutingRefused: Envoy refused; what it had is live.
        """
        if not self.running:
            return
        known = self._known()
        changed = [upstream for upstream in upstreams if self._put_endpoints(upstream, confirm=upstream.name in known)]
        if self._put(CLUSTERS, resources.clusters(self._home, upstreams)) or changed:
            self._await_warm()
        for upstream in changed:
            self._await_healthy(upstream)
        for name in known - {upstream.name for upstream in upstreams}:
            endpoints_file(self._home.folder, name).unlink(missing_ok=True)

    def switch(self, routing: Routing, upstreams: Iterable[Upstream]) -> None:
        """Make `routing` live, confirmed by Envoy.

        Raises:
            RoutingRefused: Envoy refused; the routing before is live.
        """
        running = self._must_run()
        if routing.mirrors:
            resources.must_copy(self._home)
        self.spool.prepare()
        self._put(LISTENERS, resources.listeners(self._home, self._settings))
        if running.address != self._settings.address:
            self._home.remember(replace(running, address=self._settings.address))
        timeouts = {upstream.name: upstream.timeout for upstream in upstreams}
        if routing.mirrors:
            self._put(SHADOWS, [shadows.shadow_routes(routing, timeouts)])
        self._put(ROUTES, [routes(routing, timeouts)])
        channel.previous(self._home.file(ROUTES)).unlink(missing_ok=True)

    def active(self, model: str, ports: Iterable[int]) -> int:
        """Requests that replicas of `model` on these ports are at work on; 0 where the router is down."""
        if not self.running:
            return 0
        wanted = set(ports)
        clusters = json.loads(self._admin.get("/clusters?format=json"))["cluster_statuses"]
        hosts = [host for found in clusters if found["name"] == model for host in found.get("host_statuses", [])]
        return sum(
            int(number.get("value", 0))
            for host in hosts
            if host["address"]["socket_address"]["port_value"] in wanted
            for number in host["stats"]
            if number["name"] == "rq_active"
        )

    def stop(self, patience: float) -> None:
        """Let the requests under way finish, at most `patience` seconds, then end Envoy; nothing comes back with it."""
        running = self.running
        if running:
            with suppress(OutOfReach):
                self._drain(patience)
            stop([running.life], grace=QUIT_WITHIN, clock=self._clock)
        self._home.forget()

    def _drain(self, patience: float) -> None:
        self._admin.post("/healthcheck/fail")
        self._admin.post("/drain_listeners?graceful&skip_exit")
        deadline, quiet = self._clock.now() + patience, 0
        while quiet < 2 and self._clock.now() < deadline:
            active = self._admin.stats("http.main.downstream_rq_active").get("http.main.downstream_rq_active", "0")
            quiet = quiet + 1 if active == "0" else 0
            self._clock.sleep(0.1)
        self._admin.post("/quitquitquit")
        running, deadline = self.running, self._clock.now() + QUIT_WITHIN
        while running and self.running and self._clock.now() < deadline:
            self._clock.sleep(0.02)

    @cached_property
    def _admin(self) -> Admin:
        from mlship.dataplane.admin import Admin

        return Admin(Path(self._must_run().admin))

    def _forget_connection(self) -> None:
        self.__dict__.pop("_admin", None)

    def _must_run(self) -> Running:
        running = self.running
        if running is None:
            raise OutOfReach(
                "the router is down", hint="`mlship resume` or `mlship rollback` starts it again with its last routing"
            )
        return running

    @property
    def _route_files(self) -> tuple[Path, Path]:
        current = self._home.file(ROUTES)
        return current, channel.previous(current)

    def _channel(self, name: str) -> Channel:
        return self._channel_at(self._home.file(name), _SCOPES[name])

    def _channel_at(self, file: Path, scope: str) -> Channel:
        return Channel(file=file, scope=scope, admin=self._admin, log=self._home.log, clock=self._clock)

    def _next(self, wanted: Resources) -> Discovery:
        found = [channel.read(file) for file in self._home.folder.glob("[ceplr]*ds*.json")]
        numbers = [int(known.version.rpartition(".")[2]) for known in found if known]
        return Discovery(version=f"{self._fence}.{max(numbers, default=0) + 1}", resources=wanted)

    def _put(self, name: str, wanted: Resources) -> bool:
        """Write one file, unless Envoy has just that already; whether it was written."""
        there, target = channel.read(self._home.file(name)), self._channel(name)
        same = there is not None and there.resources == wanted
        # Only the routes are asked for each time: a rollback must not wait for what has not changed.
        due = not same or (name == ROUTES and there is not None and target.live() != there.version)
        if due:
            target.put(self._next(wanted))
        return due

    def _put_endpoints(self, upstream: Upstream, *, confirm: bool) -> bool:
        """Whether anything had to be written."""
        file, wanted = endpoints_file(self._home.folder, upstream.name), [assignment(upstream)]
        there = channel.read(file)
        if there is not None and there.resources == wanted:
            return False
        if confirm:
            self._channel_at(file, f"cluster.{upstream.name}").put(self._next(wanted))
            channel.previous(file).unlink(missing_ok=True)
        else:
            channel.write(file, self._next(wanted))
        return True

    def _known(self) -> set[str]:
        there = channel.read(self._home.file(CLUSTERS))
        return {resource["name"] for resource in there.resources} if there else set()

    def _await_warm(self) -> None:
        deadline = self._clock.now() + WARM_WITHIN
        name = "cluster_manager.warming_clusters"
        while self._admin.stats(name).get(name, "0") != "0":
            if self._clock.now() > deadline:
                raise RoutingRefused(
                    "the first health checks of new replicas have not ended", hint=f"see {self._home.log}"
                )
            self._clock.sleep(0.005)

    def _await_healthy(self, upstream: Upstream) -> None:
        """Wait until Envoy has seen for itself that new replicas are healthy; a sick one holds nobody up for long."""
        wanted = sum(not endpoint.draining for endpoint in upstream.endpoints)
        name, deadline = f"cluster.{upstream.name}.membership_healthy", self._clock.now() + CHECKED_WITHIN
        while int(self._admin.stats(name).get(name, "0")) < wanted and self._clock.now() < deadline:
            self._clock.sleep(0.01)

    def _write_all(self, upstreams: Sequence[Upstream], routing: Routing, admin: Path) -> None:
        folder, settings = self._home.folder, self._settings
        with writing(folder):
            for stale in folder.glob("eds-*.json"):
                stale.unlink()
        timeouts = {upstream.name: upstream.timeout for upstream in upstreams}
        replace_file(
            self._home.file("bootstrap.json"), json.dumps(bootstrap(folder=folder, admin=admin, settings=settings))
        )
        for upstream in upstreams:
            channel.write(endpoints_file(folder, upstream.name), self._next([assignment(upstream)]))
        channel.write(self._home.file(LISTENERS), self._next(resources.listeners(self._home, self._settings)))
        channel.write(self._home.file(CLUSTERS), self._next(resources.clusters(self._home, upstreams)))
        channel.write(self._home.file(SHADOWS), self._next([shadows.shadow_routes(routing, timeouts)]))
        channel.write(self._home.file(ROUTES), self._next([routes(routing, timeouts)]))
