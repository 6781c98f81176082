"""What a make of balancer has to offer to be measured in balancers.py, and the whole incident path over it."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import msgspec
from bare import cluster_ports, running, wait
from harness import Goal
from rollback import command, last_answer

from mlship.clock import SystemClock
from mlship.drivers.balancer.driver import BalancerDriver
from mlship.drivers.base import Observed, Opening
from mlship.engine.hands import Hands
from mlship.engine.record import Record
from mlship.engine.rollback import roll_back, way_back_to
from mlship.journal.events import Started
from mlship.journal.holder import this_process
from mlship.journal.store import Journal
from mlship.plan.model import Canary, DriverSpec, Model, Plan
from mlship.plan.pool import Pool
from mlship.plan.routing import Routing, all_to
from mlship.strategies import compile_plan

HALF = {"v2": 5000, "v1": 5000}
SPLIT = Routing(segments=tuple(HALF.items()))
CLOCK = SystemClock()
SERVICE = "bench"


class Make(Protocol):
    """One make of balancer, in a folder of its own."""

    name: str
    goal: float
    """The most that a rollback may take, in times of the bare command."""

    def start(self, folder: Path, ports: Mapping[str, int]) -> AbstractContextManager[int]:
        """Run it in front of the models, everything to v1; the port that users come in by."""
        ...

    def settings(self) -> Mapping[str, object]:
        """What a plan says of it."""
        ...

    def open(self, opening: Opening) -> BalancerDriver:
        """Its driver."""
        ...

    def half(self) -> None:
        """Half of the traffic to v2, by hand."""
        ...

    def back(self) -> None:
        """The bare command: everything to v1."""
        ...

    def settle(self) -> None:
        """Have it come back with everything to v1, where that takes more than the bare command."""
        ...


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """A make that runs, and what is measured on it."""

    make: Make
    folder: Path
    port: int
    models: Mapping[str, Model]

    def driver(self, fence: int) -> BalancerDriver:
        """The service's driver."""
        spec = DriverSpec(name=self.make.name, settings=dict(self.make.settings()))
        opening = Opening(
            service=SERVICE, spec=spec, models=self.models, fence=fence, state=self.folder / "state", clock=CLOCK
        )
        return self.make.open(opening)

    def bare_once(self) -> float:
        """Seconds from the command to the candidate's last answer."""
        self.make.half()
        taken = last_answer(self.port, self.make.back)
        self.make.settle()
        shutil.rmtree(self.folder / "state" / "balancer", ignore_errors=True)
        return taken

    def ours_once(self, number: int) -> float:
        """Seconds from the rollback's first line to the candidate's last answer."""
        plan = Plan(
            service=SERVICE, driver=DriverSpec(name=self.make.name), models=self.models, live="v1", candidate="v2",
            assign_by=None, gates={}, guards=(), stages=(Canary(name="canary", gates=(), weights=(5000,), hold=60.0),),
        )  # fmt: skip
        journal = Journal(self.folder / f"journal-{number}", CLOCK)
        lease = journal.leases.acquire(SERVICE, this_process(), rollout="r")
        compiled = compile_plan(plan, live="v1")
        started = Started(plan={"models": {name: {} for name in HALF}}, base="/", by="bench", compiled=compiled)
        journal.append(started, lease=lease)
        deploy = Hands(driver=self.driver(lease.fence), record=Record(journal=journal, lease=lease), clock=CLOCK)
        deploy.scale(dict.fromkeys(HALF, 1), Observed())
        deploy.route(all_to("v1"), Observed())
        deploy.route(SPLIT, Observed())

        def incident() -> None:
            taken = journal.leases.take_over(SERVICE, this_process(), rollout="r")
            record = Record(journal=journal, lease=taken)
            hands = Hands(driver=self.driver(taken.fence), record=record, clock=CLOCK)
            seen = hands.observe()
            way_back = way_back_to("v1", {"v1": 1, "v2": 1}, seen=seen)
            roll_back(hands=hands, record=record, clock=CLOCK, way_back=way_back, reason="", by="bench", seen=seen)

        return last_answer(self.port, incident)

    def driver_alone(self, number: int) -> float:
        """Seconds until the driver has returned: set, read back, kept."""
        opened = self.driver(1000 + number)
        opened.insist(SPLIT)
        return timed(lambda: opened.insist(all_to("v1")))

    def bare_alone(self) -> float:
        """Seconds until the bare command has returned."""
        return timed(self.make.back)


def measured(make: Make, rounds: int) -> tuple[Goal, str]:
    """(the goal of a make, a line on the driver alone)."""
    ours, theirs = [], []
    with _running(make) as bench:
        for number in range(rounds):
            theirs.append(bench.bare_once())
            ours.append(bench.ours_once(number))
        alone = [bench.driver_alone(number) for number in range(rounds * 10)]
        line = [bench.bare_alone() for _ in range(rounds * 10)]
    median = statistics.median(theirs)
    goal = Goal(
        name=f"{make.name}: rollback / bare command",
        value=statistics.median(ours) / median,
        target=make.goal,
        spread=(min(ours) / median, max(ours) / median),
    )
    return goal, f"{make.name}: the driver alone takes {_ms(alone)} ms, a bare command {_ms(line)} ms (medians)"


@contextmanager
def _running(make: Make) -> Iterator[Bench]:
    folder = Path(tempfile.mkdtemp(prefix="mlship-b-", dir="/tmp"))
    ports = cluster_ports(HALF)
    models = {name: Model(name=name, pool=Pool(servers=(f"127.0.0.1:{port}",))) for name, port in ports.items()}
    try:
        with running_models(ports), make.start(folder, ports) as port:
            wait(port)
            yield Bench(make=make, folder=folder, port=port, models=models)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_models(ports: Mapping[str, int]) -> Iterator[None]:
    """Both models, started by hand."""
    words = {name: tuple(word.replace("{port}", str(port)) for word in command(name)) for name, port in ports.items()}
    with running(words["v1"], ports["v1"]), running(words["v2"], ports["v2"]):
        yield


def timed(act: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _ms(times: list[float]) -> str:
    return f"{statistics.median(times) * 1000:.2f}"
