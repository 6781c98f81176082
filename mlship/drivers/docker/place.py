"""A router as a container, told everything through the daemon's API."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlship.clock import Clock
from mlship.dataplane.place import Started
from mlship.dataplane.spool import KEY_BYTES
from mlship.dataplane.upstream import RouterSettings
from mlship.drivers.docker.admin import ShellAdmin
from mlship.drivers.docker.daemon import asking
from mlship.drivers.docker.files import OWNER, ContainerFiles
from mlship.drivers.docker.launch import ALWAYS, Content, Link, archive
from mlship.drivers.docker.names import ADDRESS, LISTEN, Names, Role
from mlship.drivers.docker.network import Network
from mlship.drivers.docker.replica import remove
from mlship.drivers.docker.settings import ADMIN_PORT, FOLDER, USERS_PORT, Settings
from mlship.drivers.docker.shell import Session, Shell
from mlship.drivers.docker.starting import await_serving, start
from mlship.errors import OutOfReach

if TYPE_CHECKING:
    from docker import DockerClient

LOG_LINES = 200

NEVER: Mapping[str, str] = {"Name": "no"}


class ContainerPlace:
    """`Place` on a daemon."""

    def __init__(
        self, *, client: DockerClient, names: Names, network: Network, settings: Settings, clock: Clock
    ) -> None:
        self._client = client
        self._names = names
        self._network = network
        self._settings = settings
        self._clock = clock
        self._told: Mapping[str, Any] | None = None
        self._once = self._down = False
        self.session = Session(self._opened)
        self.files = ContainerFiles(client, names.router, self.session)
        self.admin = ShellAdmin(self.session, ADMIN_PORT)

    @property
    def running(self) -> Started | None:
        """The router's container, if it runs."""
        told = self.container()
        state = told["State"] if told else {}
        if told is None or not state["Running"] or state["Restarting"]:
            return None
        life = f"{told['Id'][:12]}@{state['StartedAt']}"
        return Started(life=life, address=told["Config"]["Labels"][LISTEN])

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """For the length of the block what is there is asked once, until something is done to the container itself."""
        self._once, self._told = True, None
        try:
            with self.files.at_once():
                yield
        finally:
            self._look_again()

    def container(self) -> Mapping[str, Any] | None:
        """What the daemon says of the router's container; None: there is none."""
        if self._told is not None:
            return self._told
        told = self._inspected()
        if self._once:
            self._told = told
        return told

    def _inspected(self) -> Mapping[str, Any] | None:
        from docker.errors import NotFound

        with asking("look at a container"):
            try:
                return dict(self._client.api.inspect_container(self._names.router))
            except NotFound:
                return None

    def _look_again(self) -> None:
        self._once, self._told = False, None

    def _opened(self) -> Shell | None:
        # It is not asked first whether it runs, unless it did not: a container that does not refuses by itself.
        if self._down and self.running is None:
            return None
        try:
            shell = Shell(self._client, self._names.router)
        except OutOfReach:
            self._look_again()
            self._down = self.running is None
            if self._down:
                return None
            raise
        self._down = False
        self.files.forget()
        return shell

    @property
    def log(self) -> str:
        """Docker keeps it."""
        return f"docker logs {self._names.router}"

    def log_end(self) -> str:
        """Now, or when its last line was written: by the daemon's clock, which is the container's, too."""
        now = self.session.run('printf %s "$EPOCHREALTIME"')
        if now:
            seconds, _, fraction = now.decode().partition(".")
            return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%S}.{fraction}"
        last = self._lines(1)
        return last[-1].partition(" ")[0] if last else ""

    def said(self, since: str) -> Sequence[str]:
        """Lines that were written later."""
        split = [line.partition(" ") for line in self._lines(LOG_LINES)]
        return [text for at, _, text in split if at > since]

    def prepare(self) -> None:
        """A container, not started yet, with the folders and the secret by which units are hashed."""
        if self.container() is None:
            self._look_again()
            self._network.make()
            made = self._made()
            with asking("copy files into a container"):
                self._client.api.put_archive(made, "/", archive(_skeleton(), owner=OWNER, mode=0o600))
            self.files.forget()

    def admin_address(self) -> dict[str, object]:
        """A port of the container's own loopback, which no other container reaches."""
        return {"socket_address": {"address": "127.0.0.1", "port_value": ADMIN_PORT}}

    def start(self, settings: RouterSettings) -> None:
        """Start the container, and wait until Envoy serves."""
        del settings
        self._look_again()
        self.files.deliver()
        since = self.log_end()
        try:
            self._comes_back(ALWAYS)
            start(self._client, self._names.router, listen=self._settings.listen)
            await_serving(self, clock=self._clock, since=since)
        except BaseException:
            # Otherwise the daemon would go on trying.
            with suppress(OutOfReach):
                self.end()
            raise

    def moved(self, settings: RouterSettings) -> None:
        """A container keeps its port: see `relocated`."""

    def rotate(self, now: float) -> None:
        """Envoy lets go of a file within a second; until then the last lines of it still come."""
        script = (
            f'cd {self.files.folder}/captures && for f in predictions feedback; do if [ -s "$f.jsonl" ]; then '
            f'mv "$f.jsonl" "$f.{round(now * 1000)}.jsonl" && echo moved; fi; done'
        )
        if (self.session.run(script) or b"").strip():
            self.admin.post("/reopen_logs")

    def end(self) -> None:
        """Stop the container."""
        if self.container() is not None:
            self._comes_back(NEVER)
            with asking("stop a container"):
                self._client.api.stop(self._names.router, timeout=5)
        self.let_go()

    def forget(self) -> None:
        """Remove the container, and with it all that it had."""
        self.let_go()
        with asking("remove a container"):
            remove(self._client, self._names.router)

    def let_go(self) -> None:
        """Close what is open into the container."""
        self.session.close()
        self._look_again()
        self.files.forget()

    def _comes_back(self, policy: Mapping[str, str]) -> None:
        with asking("update a container"):
            self._client.api.update_container(self._names.router, restart_policy=dict(policy))

    def _lines(self, count: int) -> list[str]:
        from docker.errors import NotFound

        with asking("read a container's log"):
            try:
                said = self._client.api.logs(self._names.router, tail=count, timestamps=True)
            except NotFound:
                return []
        return [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]

    def _made(self) -> str:
        from mlship.dataplane.envoy import arguments
        from mlship.drivers.docker.image import provide

        address, listen = self._network.free_address(), self._settings
        provide(self._client, listen.image)
        labels = {**self._names.labels(Role.ROUTER), ADDRESS: address, LISTEN: listen.listen}
        host = self._client.api.create_host_config(
            port_bindings={USERS_PORT: (listen.host, listen.port)},
            network_mode=self._names.network,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
        )
        with asking("make the router's container"):
            made = self._client.api.create_container(
                listen.image,
                command=list(arguments(str(self.files.folder / "bootstrap.json"), listen.router.workers)),
                entrypoint=["envoy"],
                name=self._names.router,
                labels=labels,
                user=f"{OWNER}:{OWNER}",
                working_dir=str(FOLDER),
                ports=[USERS_PORT],
                host_config=host,
                networking_config=self._network.configuration(address),
            )
        return str(made["Id"])


def _skeleton() -> dict[str, Content]:
    # Apart, and linked to: whoever fetches the configuration does not want all kept answers with it.
    return {
        "mlship": None,
        "mlship/router": None,
        "mlship/captures": None,
        "mlship/captures/unit.key": os.urandom(KEY_BYTES),
        "mlship/router/captures": Link("../captures"),
    }
