"""One Envoy as the router of one service: it outlives every command, and is found again by any shell."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress

from mlship.clock import Clock
from mlship.dataplane import channel, resources, shadows
from mlship.dataplane.bootstrap import CLUSTERS, LISTENERS, ROUTES, SHADOWS, bootstrap
from mlship.dataplane.channel import Channel, Discovery, Resources
from mlship.dataplane.clusters import assignment, endpoints_file
from mlship.dataplane.counts import Count, read_counts
from mlship.dataplane.listener import ROUTE_CONFIG
from mlship.dataplane.place import Place, Started
from mlship.dataplane.routes import routes, routing_of
from mlship.dataplane.upstream import Endpoint, RouterSettings, Upstream
from mlship.errors import OutOfReach, RoutingRefused
from mlship.plan.routing import Routing

WARM_WITHIN = 15.0
"""Seconds in which the first health checks of new replicas must end."""

CHECKED_WITHIN = 3.0
"""Seconds in which Envoy's own health checks of new replicas are waited for."""

QUIT_WITHIN = 5.0
"""Seconds that Envoy gets to end once it is told to."""

_ACTIVE = "http.main.downstream_rq_active"
_SCOPES = {
    LISTENERS: "listener_manager.lds",
    CLUSTERS: "cluster_manager.cds",
    ROUTES: f"http.main.rds.{ROUTE_CONFIG}",
    SHADOWS: f"http.shadow.rds.{shadows.ROUTE_CONFIG}",
}


class Router:
    """Acts of one holder of the service; `fence` makes its versions differ from everybody else's."""

    def __init__(self, *, place: Place, settings: RouterSettings, clock: Clock, fence: int = 0) -> None:
        self._place = place
        self._files = place.files
        self._settings = settings
        self._clock = clock
        self._fence = fence

    @property
    def running(self) -> Started | None:
        """The Envoy that runs now."""
        return self._place.running

    @property
    def address(self) -> str:
        """Where users send their requests."""
        running = self.running
        return running.address if running else self._settings.address

    def routing(self) -> Routing | None:
        """The routing that is live; of a router that is down, the one that comes back with it.

        Raises:
            OutOfReach: the router runs and does not answer.
        """
        kept = [found for name in (ROUTES, channel.previous(ROUTES)) if (found := self._read(name))]
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
        return running.life, read_counts(self._place.admin.get, self._clock.sleep)

    def rotate_captures(self) -> None:
        """Give the spool's files names of their own, and have Envoy begin new ones.

        Raises:
            OutOfReach: they cannot be renamed, or the router runs and does not answer.
        """
        self._place.rotate(self._clock.now())

    def start(self, upstreams: Sequence[Upstream], routing: Routing) -> None:
        """Start Envoy with this routing; where it runs already nothing happens.

        Raises:
            OutOfReach: it cannot be started, or its port is taken.
            RoutingRefused: it refuses the routing.
        """
        if self.running:
            return
        fresh = self._read(ROUTES) is None
        self._place.prepare()
        self._write_all(upstreams, routing)
        try:
            self._place.start(self._settings)
        except OutOfReach:
            if fresh:
                self._place.forget()
            raise

    def publish(self, upstreams: Sequence[Upstream]) -> None:
        """Make these the models and replicas that routes can lead to; a model that is left out must have no route.

        Raises:
            RoutingRefused: Envoy refused; what it had is live.
        """
        if not self.running:
            return
        known = self._known()
        changed = [upstream for upstream in upstreams if self._put_endpoints(upstream, confirm=upstream.name in known)]
        if self._put(CLUSTERS, resources.clusters(self._files, upstreams)) or changed:
            self._await_warm()
        for upstream in changed:
            self._await_healthy(upstream)
        for name in known - {upstream.name for upstream in upstreams}:
            self._files.remove(endpoints_file(self._files.folder, name).name)

    def switch(self, routing: Routing, upstreams: Iterable[Upstream]) -> None:
        """Make `routing` live, confirmed by Envoy.

        Raises:
            RoutingRefused: Envoy refused; the routing before is live.
        """
        self._must_run()
        if routing.mirrors:
            resources.must_copy(self._files)
        self._place.prepare()
        self._put(LISTENERS, resources.listeners(self._files, self._settings))
        self._place.moved(self._settings)
        timeouts = {upstream.name: upstream.timeout for upstream in upstreams}
        if routing.mirrors:
            self._put(SHADOWS, [shadows.shadow_routes(routing, timeouts)])
        self._put(ROUTES, [routes(routing, timeouts)])
        self._files.remove(channel.previous(ROUTES))

    def active(self, model: str, endpoints: Collection[Endpoint]) -> int:
        """Requests that these replicas of `model` are at work on; 0 where the router is down."""
        if not self.running:
            return 0
        wanted = {(endpoint.host, endpoint.port) for endpoint in endpoints}
        clusters = json.loads(self._place.admin.get("/clusters?format=json"))["cluster_statuses"]
        hosts = [host for found in clusters if found["name"] == model for host in found.get("host_statuses", [])]
        return sum(
            int(number.get("value", 0))
            for host in hosts
            if _where(host["address"]["socket_address"]) in wanted
            for number in host["stats"]
            if number["name"] == "rq_active"
        )

    def stop(self, patience: float) -> None:
        """Let the requests under way finish, at most `patience` seconds, then end Envoy; nothing comes back with it."""
        if self.running:
            with suppress(OutOfReach):
                self._drain(patience)
            self._place.end()
        self._place.forget()

    def _drain(self, patience: float) -> None:
        self._place.admin.post("/healthcheck/fail")
        self._place.admin.post("/drain_listeners?graceful&skip_exit")
        deadline, quiet = self._clock.now() + patience, 0
        while quiet < 2 and self._clock.now() < deadline:
            active = self._place.admin.stats(_ACTIVE).get(_ACTIVE, "0")
            quiet = quiet + 1 if active == "0" else 0
            self._clock.sleep(0.1)
        self._place.admin.post("/quitquitquit")
        running, deadline = self.running, self._clock.now() + QUIT_WITHIN
        while running and self.running and self._clock.now() < deadline:
            self._clock.sleep(0.02)

    def _must_run(self) -> Started:
        running = self.running
        if running is None:
            raise OutOfReach(
                "the router is down", hint="`mlship resume` or `mlship rollback` starts it again with its last routing"
            )
        return running

    def _read(self, name: str) -> Discovery | None:
        return channel.decoded(self._files.read(name))

    def _write(self, name: str, wanted: Resources) -> None:
        self._files.replace(name, channel.encoded(self._next(wanted)))

    def _channel(self, name: str, scope: str = "") -> Channel:
        return Channel(place=self._place, name=name, scope=scope or _SCOPES[name], clock=self._clock)

    def _next(self, wanted: Resources) -> Discovery:
        found = [channel.decoded(text) for text in self._files.texts("[ceplr]*ds*.json")]
        numbers = [int(known.version.rpartition(".")[2]) for known in found if known]
        return Discovery(version=f"{self._fence}.{max(numbers, default=0) + 1}", resources=wanted)

    def _put(self, name: str, wanted: Resources) -> bool:
        """Write one file, unless Envoy has just that already; whether it was written."""
        there, target = self._read(name), self._channel(name)
        same = there is not None and there.resources == wanted
        # Only the routes are asked for each time: a rollback must not wait for what has not changed.
        due = not same or (name == ROUTES and there is not None and target.live() != there.version)
        if due:
            target.put(self._next(wanted))
        return due

    def _put_endpoints(self, upstream: Upstream, *, confirm: bool) -> bool:
        """Whether anything had to be written.

        Where no replica is left the last ones stand: their users find no connection and are sent to the live model.
        Without any of them they would get 503.
        """
        name, wanted = endpoints_file(self._files.folder, upstream.name).name, [assignment(upstream)]
        there = self._read(name)
        if there is not None and (there.resources == wanted or not upstream.endpoints):
            return False
        if confirm:
            self._channel(name, f"cluster.{upstream.name}").put(self._next(wanted))
            self._files.remove(channel.previous(name))
        else:
            self._write(name, wanted)
        return True

    def _known(self) -> set[str]:
        there = self._read(CLUSTERS)
        return {resource["name"] for resource in there.resources} if there else set()

    def _await_warm(self) -> None:
        deadline = self._clock.now() + WARM_WITHIN
        name = "cluster_manager.warming_clusters"
        while self._place.admin.stats(name).get(name, "0") != "0":
            if self._clock.now() > deadline:
                raise RoutingRefused(
                    "the first health checks of new replicas have not ended", hint=f"see {self._place.log}"
                )
            self._clock.sleep(0.005)

    def _await_healthy(self, upstream: Upstream) -> None:
        """Wait until Envoy has seen for itself that new replicas are healthy; a sick one holds nobody up for long."""
        wanted = sum(not endpoint.draining for endpoint in upstream.endpoints)
        name, deadline = f"cluster.{upstream.name}.membership_healthy", self._clock.now() + CHECKED_WITHIN
        while int(self._place.admin.stats(name).get(name, "0")) < wanted and self._clock.now() < deadline:
            self._clock.sleep(0.01)

    def _write_all(self, upstreams: Sequence[Upstream], routing: Routing) -> None:
        folder, settings = self._files.folder, self._settings
        self._files.remove("eds-*.json")
        timeouts = {upstream.name: upstream.timeout for upstream in upstreams}
        static = bootstrap(folder=folder, admin=self._place.admin_address(), settings=settings)
        self._files.replace("bootstrap.json", json.dumps(static))
        for upstream in upstreams:
            self._write(endpoints_file(folder, upstream.name).name, [assignment(upstream)])
        self._write(LISTENERS, resources.listeners(self._files, settings))
        self._write(CLUSTERS, resources.clusters(self._files, upstreams))
        self._write(SHADOWS, [shadows.shadow_routes(routing, timeouts)])
        self._write(ROUTES, [routes(routing, timeouts)])


def _where(address: Mapping[str, object]) -> tuple[object, object]:
    return address["address"], address["port_value"]
