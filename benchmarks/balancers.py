"""From `rollback` to the last request that the candidate is given, against the bare command on the balancer.

Users ask a real balancer at a steady rate; half of them get the candidate, whose answers take 50 ms. Ours is the whole
incident path: the lease is taken over, the intent is journalled, the nodes are asked, the split is set, read back and
kept. Bare is the one command. Both times end with the last answer of the candidate, so that requests under way are in
both. The lines above the table are of the driver alone, until it has returned: beyond the command it reads back, and
waits until the split and its own record are safe on the disk.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from balanced import CLOCK, HALF, Make
from balanced_caddy import Caddy
from balanced_envoy import Envoy
from balanced_haproxy import Haproxy
from balanced_nginx import Nginx
from balanced_traefik import Traefik
from bare import cluster_ports, running, wait
from harness import Goal, arguments, finish
from rollback import command, last_answer

from mlship.drivers.base import Observed
from mlship.engine.hands import Hands
from mlship.engine.record import Record
from mlship.engine.rollback import roll_back, way_back_to
from mlship.journal.events import Started
from mlship.journal.holder import this_process
from mlship.journal.store import Journal
from mlship.plan.model import Canary, DriverSpec, Model, Plan
from mlship.plan.routing import Routing, all_to
from mlship.strategies import compile_plan

MAKES: tuple[type[Make], ...] = (Caddy, Envoy, Haproxy, Nginx, Traefik)
SPLIT = Routing(segments=tuple(HALF.items()))
MODELS = {name: Model(name=name) for name in HALF}


def main() -> None:
    """Measure, print, exit."""
    asked = arguments("time from rollback to the last candidate request behind a balancer, against the bare command")
    rounds = 3 if asked.quick else 20
    ports = cluster_ports(HALF)
    with running_models(ports):
        goals = [compared(make, ports, rounds, quiet=asked.json) for make in MAKES]
    finish(goals, as_json=asked.json)


def compared(make: type[Make], ports: Mapping[str, int], rounds: int, *, quiet: bool) -> Goal:
    """One make: ours against bare."""
    folder = Path(tempfile.mkdtemp(prefix="mlship-b-", dir="/tmp"))
    ours, theirs = [], []
    try:
        made = make(folder, ports)
        with made.running() as port:
            wait(port)
            for number in range(rounds):
                theirs.append(bare_once(made, folder, port))
                ours.append(ours_once(made, folder, port, number))
            alone = [driver_alone(made, number) for number in range(rounds)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    median = statistics.median(theirs)
    if not quiet:
        print(
            f"{made.name}: the driver alone, until it has returned: {statistics.median(alone) * 1000:.2f} ms (median)"
        )
    spread = (min(ours) / median, max(ours) / median)
    value = statistics.median(ours) / median
    return Goal(name=f"{made.name}: rollback / bare command", value=value, target=made.target, spread=spread)


def bare_once(made: Make, folder: Path, port: int) -> float:
    """Seconds from the command to the candidate's last answer."""
    made.half()
    taken = last_answer(port, made.back)
    shutil.rmtree(folder / "state" / "balancer", ignore_errors=True)
    return taken


def ours_once(made: Make, folder: Path, port: int, number: int) -> float:
    """Seconds from the rollback's first line to the candidate's last answer."""
    plan = Plan(
        service="bench", driver=DriverSpec(name=made.name), models=MODELS, live="v1", candidate="v2", assign_by=None,
        gates={}, guards=(), stages=(Canary(name="canary", gates=(), weights=(5000,), hold=60.0),),
    )  # fmt: skip
    journal = Journal(folder / f"journal-{number}", CLOCK)
    lease = journal.leases.acquire("bench", this_process(), rollout="r")
    started = Started(
        plan={"models": {name: {} for name in MODELS}}, base="/", by="bench", compiled=compile_plan(plan, live="v1")
    )
    journal.append(started, lease=lease)
    deploy = Hands(driver=made.driver(lease.fence), record=Record(journal=journal, lease=lease), clock=CLOCK)
    deploy.scale(dict.fromkeys(HALF, 1), Observed())
    deploy.route(all_to("v1"), Observed())
    deploy.route(SPLIT, Observed())

    def incident() -> None:
        taken = journal.leases.take_over("bench", this_process(), rollout="r")
        record = Record(journal=journal, lease=taken)
        hands = Hands(driver=made.driver(taken.fence), record=record, clock=CLOCK)
        seen = hands.observe()
        way_back = way_back_to("v1", {"v1": 1, "v2": 1}, seen=seen)
        roll_back(hands=hands, record=record, clock=CLOCK, way_back=way_back, reason="", by="bench", seen=seen)

    return last_answer(port, incident)


def driver_alone(made: Make, number: int) -> float:
    """Seconds until the driver has returned: set, read back, kept."""
    opened = made.driver(1000 + number)
    opened.insist(SPLIT)
    return _timed(lambda: opened.insist(all_to("v1")))


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


@contextmanager
def running_models(ports: Mapping[str, int]) -> Iterator[None]:
    """Both models, started by hand."""
    words = {name: tuple(word.replace("{port}", str(port)) for word in command(name)) for name, port in ports.items()}
    with running(words["v1"], ports["v1"]), running(words["v2"], ports["v2"]):
        yield


if __name__ == "__main__":
    main()
