"""Whether replicas can serve. They publish nothing, so they are asked from inside their network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

import msgspec

from mlship.drivers.docker.daemon import asking
from mlship.drivers.docker.replica import Replica
from mlship.errors import OutOfReach

if TYPE_CHECKING:
    from docker import DockerClient

# Arguments: a number, an address, a port, seconds, the request in escapes. One line comes back, or none.
_PROBE = """
probe() {
  { printf %b "$5" >&3 && IFS= read -r -t "$4" line <&3 && printf "%s %s\\n" "$1" "$line"; } 3<>"/dev/tcp/$2/$3"
}
"""


class Doctor(msgspec.Struct, frozen=True, kw_only=True):
    """Asks replicas how they are."""

    client: DockerClient
    run: Callable[[str], bytes]
    """Runs a script in the service's network."""

    def all_healthy(self, replicas: Sequence[Replica]) -> Mapping[str, bool]:
        """Name of each replica → whether it passes; all are asked at the same time."""
        alive = [replica for replica in replicas if replica.alive]
        asked = [replica for replica in alive if replica.written.health_path]
        passed = self._answers(asked) if asked else set()
        passed |= {replica.name for replica in alive if not replica.written.health_path and self._declared(replica)}
        return {replica.name: replica.name in passed for replica in replicas}

    def _answers(self, replicas: Sequence[Replica]) -> set[str]:
        lines = [
            f"probe {place} {each.address} {each.written.port} {each.written.health_timeout:g} '{_get(each)}' &"
            for place, each in enumerate(replicas)
        ]
        # `read` bounds the answer, `timeout` a connection that does not come about.
        longest = max(each.written.health_timeout for each in replicas)
        script = quote("\n".join([_PROBE, *lines, "wait"]))
        said = self.run(f"timeout {longest:g} bash -c {script} 2>/dev/null; true")
        told = [line.split() for line in said.decode("latin-1").splitlines()]
        good = {int(words[0]) for words in told if len(words) > 2 and words[2].startswith("2")}
        return {replica.name for place, replica in enumerate(replicas) if place in good}

    def _declared(self, replica: Replica) -> bool:
        return str(self.state(replica).get("Health", {}).get("Status")) == "healthy"

    def state(self, replica: Replica) -> Mapping[str, Any]:
        """What the daemon says of its container, as `State`, with `RestartCount`; empty: it is gone."""
        from docker.errors import NotFound

        with asking("look at a container"):
            try:
                told = self.client.api.inspect_container(replica.id)
            except NotFound:
                return {}
        return {**told["State"], "RestartCount": told.get("RestartCount", 0)}

    def last_words(self, replica: Replica, count: int) -> tuple[str, ...]:
        """The last lines that it wrote."""
        try:
            with asking("read a container's log"):
                said = self.client.api.logs(replica.id, tail=count, stdout=True, stderr=True)
        except OutOfReach:
            return ()
        lines = said.decode("utf-8", "replace").splitlines()
        return tuple(line.rstrip()[:500] for line in lines if line.strip())


def _get(replica: Replica) -> str:
    request = f"GET {replica.written.health_path} HTTP/1.1\r\nhost: {replica.address}\r\nconnection: close\r\n\r\n"
    return "".join(f"\\0{byte:03o}" for byte in request.encode())
