"""From `rollback` to the last request that the candidate gets, against a bare rename of the router's configuration.

Users ask a real router at a steady rate; half of them get the candidate. Ours is the whole incident path: the lease is
taken over, the intent is journalled, the models' health is asked, the routing is written and confirmed. Bare is the
rename alone, on an Envoy that is watched for nothing else. Both times end with the last answer of the candidate, whose
requests under way are let finish: the models take 50 ms for an answer, and with quicker ones the ratio is larger.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bare import cluster_ports, free_port, router, running, split, wait
from harness import Goal, arguments, finish

from mlship.clock import SystemClock
from mlship.drivers.base import Observed, Opening
from mlship.drivers.process import ProcessDriver
from mlship.engine.hands import Hands
from mlship.engine.record import Record
from mlship.engine.rollback import roll_back, way_back_to
from mlship.journal.events import Started
from mlship.journal.holder import this_process
from mlship.journal.store import Journal
from mlship.plan.model import Canary, DriverSpec, Model, Plan
from mlship.plan.routing import Routing
from mlship.strategies import compile_plan

GOAL = 2.0
HALF = {"v2": 5000, "v1": 5000}
MODEL = Path(__file__).parent.parent / "tests" / "e2e" / "model.py"
DELAY = "0.05"
"""Seconds that a model takes for an answer."""
USERS = Path(__file__).with_name("users.py")


def main() -> None:
    """Measure, print, exit."""
    asked = arguments("time from rollback to the last candidate request, against a bare rename")
    rounds = 5 if asked.quick else 20
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        ours = [ours_once(Path(folder) / str(number)) for number in range(rounds)]
    theirs = [bare_once() for _ in range(rounds)]
    value = statistics.median(ours) / statistics.median(theirs)
    spread = (min(ours) / statistics.median(theirs), max(ours) / statistics.median(theirs))
    finish([Goal(name="rollback / bare rename", value=value, target=GOAL, spread=spread)], as_json=asked.json)


def command(name: str) -> tuple[str, ...]:
    """A model that tells who it is."""
    return (sys.executable, str(MODEL), "--name", name, "--port", "{port}", "--delay", DELAY)


def ours_once(folder: Path) -> float:
    """Seconds from the rollback's first line to the candidate's last answer."""
    clock, port = SystemClock(), free_port()
    models = {name: Model(name=name, command=command(name)) for name in HALF}
    spec = DriverSpec(name="process", settings={"listen": f"127.0.0.1:{port}"})
    plan = Plan(
        service="bench", driver=spec, models=models, live="v1", candidate="v2", assign_by=None, gates={}, guards=(),
        stages=(Canary(name="canary", gates=(), weights=(5000,), hold=60.0),),
    )  # fmt: skip
    journal = Journal(folder, clock)

    def driver(fence: int) -> ProcessDriver:
        return ProcessDriver(Opening(service="bench", spec=spec, models=models, fence=fence, state=folder, clock=clock))

    lease = journal.leases.acquire("bench", this_process(), rollout="r")
    started = Started(
        plan={"models": {name: {} for name in models}}, base="/", by="bench", compiled=compile_plan(plan, live="v1")
    )
    journal.append(started, lease=lease)
    deploy = Hands(driver=driver(lease.fence), record=Record(journal=journal, lease=lease), clock=clock)
    try:
        deploy.scale(dict.fromkeys(HALF, 1), Observed())
        deploy.route(Routing(segments=tuple(HALF.items())), Observed())

        def incident() -> None:
            taken = journal.leases.take_over("bench", this_process(), rollout="r")
            record = Record(journal=journal, lease=taken)
            hands = Hands(driver=driver(taken.fence), record=record, clock=clock)
            seen = hands.observe()
            way_back = way_back_to("v1", {"v1": 1, "v2": 1}, seen=seen)
            roll_back(hands=hands, record=record, clock=clock, way_back=way_back, reason="", by="bench", seen=seen)

        return last_answer(port, incident)
    finally:
        driver(10_000).shutdown()


def bare_once() -> float:
    """Seconds from the rename to the candidate's last answer."""
    ports = cluster_ports(HALF)
    with running_models(ports):
        port = free_port()
        with router(port, ports, HALF) as file:
            wait(port)
            return last_answer(port, lambda: split(file, "2", {"v1": 10_000}))


@contextmanager
def running_models(ports: dict[str, int]) -> Iterator[None]:
    """The same models, started by hand."""
    words = {name: tuple(word.replace("{port}", str(port)) for word in command(name)) for name, port in ports.items()}
    with running(words["v1"], ports["v1"]), running(words["v2"], ports["v2"]):
        yield


def last_answer(port: int, act: Callable[[], None]) -> float:
    """Users ask all the time; seconds from the beginning of `act` to the last answer of v2."""
    words = (sys.executable, str(USERS), str(port))
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as users:
        time.sleep(1.0)
        began = time.monotonic()
        act()
        time.sleep(0.3)
        told, _ = users.communicate("")
    return max(float(told) - began, 0.0)


if __name__ == "__main__":
    main()
