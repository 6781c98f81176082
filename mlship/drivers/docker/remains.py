"""What was left behind on the daemon, and what hangs: looked at without changing anything."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from mlship.drivers.docker.claim import Claim
from mlship.drivers.docker.daemon import asking
from mlship.drivers.docker.names import Role
from mlship.drivers.docker.place import ContainerPlace
from mlship.drivers.docker.replica import At, Roster
from mlship.drivers.trouble import Trouble
from mlship.errors import OutOfReach


class Remains(msgspec.Struct, frozen=True, kw_only=True):
    """The traces of one service on a daemon."""

    claim: Claim
    roster: Roster
    place: ContainerPlace

    def found(self, *, fence: int, held: bool) -> Iterator[Trouble]:
        """All that is wrong; what a run may be in the middle of only where nobody has the service in `held`."""
        yield from self._router()
        yield from self._fences(fence)
        if not held:
            yield from self._containers()

    def _router(self) -> Iterator[Trouble]:
        if self.place.running is None:
            return
        service = self.roster.names.service
        try:
            self.place.admin.get("/server_info")
        except OutOfReach:
            yield Trouble(
                message=f"the router {self.roster.names.router} runs and does not answer",
                hint=f"`docker kill {self.roster.names.router}`, then `mlship doctor {service} --repair` starts it "
                "again with its last routing",
            )

    def _fences(self, fence: int) -> Iterator[Trouble]:
        claimed = self.claim.claimed()
        highest = max(claimed, default=0)
        if highest > fence:
            service = self.roster.names.service
            yield Trouble(
                message=f"another journal holds {service}: {self.claim.whose(claimed[highest])}",
                hint=f"`mlship adopt {service}` takes it over from there",
            )

    def _containers(self) -> Iterator[Trouble]:
        names = self.roster.names
        for replica in self.roster.all():
            if replica.at is not At.SERVING:
                what = "was to be removed" if replica.at is At.DRAINING else "was being started"
                yield _left(f"{names.replica(replica.model, replica.number)}{replica.at}", what)
        with asking("list its containers"):
            probes = self.roster.client.api.containers(all=True, filters=dict(names.filters(Role.PROBE)))
        for each in probes:
            yield _left(each["Names"][0].lstrip("/"), "was there for a health check")


def _left(name: str, what: str) -> Trouble:
    return Trouble(message=f"the container {name} {what} and is still there", hint=f"docker rm -f {name}", grave=False)
