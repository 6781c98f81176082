"""Who may change the service, for every machine that talks to the daemon.

A daemon has no locks. It has volumes: a second one of the same name is not made, and whoever asks is told the labels
of the first. So a fencing number is a volume without content, and its label tells which journal gave the number out.
On one machine the moment of a change is locked as well, as driver `process` does it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from mlship.drivers.docker.daemon import asking
from mlship.drivers.docker.names import CLAIMED, NUMBER, Names, Role
from mlship.drivers.process.claim import Claim as LocalClaim
from mlship.errors import LeaseLost, OutOfReach

if TYPE_CHECKING:
    from docker import DockerClient


class Claim:
    """The right of one opened driver to change its service; the higher fencing number wins."""

    def __init__(self, *, client: DockerClient, names: Names, local: LocalClaim) -> None:
        self._client = client
        self._names = names
        self._local = local
        self._released = False
        self._older: tuple[int, ...] = ()

    def take(self) -> None:
        """Claim the fencing number.

        Raises:
            LeaseLost: a higher one has been claimed, or the same by another journal.
        """
        self._local.take()
        fence = self._local.fence or 0
        labels = self._put(fence)
        self.check()
        if labels.get(CLAIMED) != self._whose:
            raise self._lost(labels)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """A moment in which no other process of this machine changes the service.

        Older claims go when the first of them is over: they hold nobody up, and a rollback does not wait for that.

        Raises:
            LeaseLost: a driver with a higher fencing number holds the service.
        """
        with self._local.changing():
            self._check_daemon()
            yield
        with suppress(OutOfReach):
            self._drop(self._older)

    def check(self) -> None:
        """Raise LeaseLost where somebody else holds the service."""
        self._local.check()
        self._check_daemon()

    def claimed(self) -> Mapping[int, Mapping[str, str]]:
        """Every fencing number on the daemon, with its labels."""
        with asking("list its volumes"):
            found = self._client.api.volumes(filters=dict(self._names.filters(Role.FENCE)))["Volumes"] or []
        return {int(each["Labels"][NUMBER]): each["Labels"] for each in found}

    def whose(self, labels: Mapping[str, str]) -> str:
        """Which machine and state folder gave a number out."""
        return labels.get(CLAIMED, "another machine")

    def release(self) -> None:
        """Take the claims off the daemon: nothing of the service is left there."""
        self._drop(self.claimed())
        self._released = True

    def _check_daemon(self) -> None:
        claimed, fence = self.claimed(), self._local.fence or 0
        highest = max(claimed, default=0)
        if highest > fence or (fence not in claimed and not self._released):
            # Also where whoever took it over has taken the service down since.
            raise self._lost(claimed.get(highest, {}))
        if fence not in claimed:
            self._put(fence)
        self._older = tuple(number for number in claimed if number < fence)

    def _put(self, fence: int) -> Mapping[str, str]:
        """The labels of the claim, which are ours unless it was there before."""
        mine = self._names.labels(Role.FENCE, number=str(fence), claimed_by=self._whose)
        with asking("make a volume"):
            made = self._client.api.create_volume(self._names.fence(fence), labels=mine)
        self._released = False
        return dict(made.get("Labels") or {})

    def _lost(self, labels: Mapping[str, str]) -> LeaseLost:
        whose, service = self.whose(labels), self._names.service
        here = "another run" if whose == self._whose else f"mlship with the state folder {whose}"
        return LeaseLost(
            f"{here} holds {service}",
            hint=f"nothing was changed by this one; `mlship adopt {service}` takes it over from what is on the daemon",
        )

    def _drop(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            with asking("remove a volume"):
                self._client.api.remove_volume(self._names.fence(number), force=True)

    @property
    def _whose(self) -> str:
        return f"{socket.gethostname()}:{self._local.folder}"
