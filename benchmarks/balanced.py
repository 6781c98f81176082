"""What a make of balancer brings to `balancers.py`: itself before two models, the bare command, mlship's driver."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from mlship.clock import SystemClock
from mlship.drivers.balancer.driver import BalancerDriver
from mlship.drivers.base import Opening
from mlship.plan.model import DriverSpec, Model
from mlship.plan.pool import Pool

HALF = {"v2": 5000, "v1": 5000}
CLOCK = SystemClock()


class Make(Protocol):
    """One balancer in a folder of its own, in front of v1 and v2 at these ports."""

    name: str
    target: float
    """The most that a rollback may take, as a multiple of the bare command."""

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None: ...

    def running(self) -> AbstractContextManager[int]:
        """Run it, everything on v1; the port that users come in by."""
        ...

    def half(self) -> None:
        """Half of the requests to each, without mlship, once no other split is met any more."""
        ...

    def back(self) -> None:
        """The bare command: everything to v1."""
        ...

    def driver(self, fence: int) -> BalancerDriver:
        """The service's driver."""
        ...


def opening(
    name: str, settings: Mapping[str, object], *, folder: Path, ports: Mapping[str, int], fence: int
) -> Opening:
    """For service `bench`."""
    spec = DriverSpec(name=name, settings=settings)
    state = folder / "state"
    return Opening(service="bench", spec=spec, models=models(ports), fence=fence, state=state, clock=CLOCK)


def models(ports: Mapping[str, int]) -> Mapping[str, Model]:
    """Both, by address."""
    return {name: Model(name=name, pool=Pool(servers=(f"127.0.0.1:{port}",))) for name, port in ports.items()}


def program(name: str, how: str) -> str:
    """Where it is; the benchmark ends where it is missing."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        sys.exit(f"{name} is missing: {how}")
    return found


@contextmanager
def process(words: Sequence[str]) -> Iterator[None]:
    """It runs as long as the context lasts; its children end with it."""
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        try:
            yield
        finally:
            run.terminate()
