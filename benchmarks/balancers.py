"""From `rollback` to the last request that the candidate is given, against the bare command on HAProxy's socket.

Users ask a real HAProxy at a steady rate; half of them get the candidate, whose answers take 50 ms. Ours is the whole
incident path: the lease is taken over, the intent is journalled, the nodes are asked, the split is set, read back and
kept. Bare is the one command. Both times end with the last answer of the candidate, so that requests under way are in
both. The line above the table is of the driver alone, until it has returned: beyond the command it reads back, and
waits until the map file and its own record are safe on the disk.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bare import cluster_ports, free_port, running, wait
from harness import Goal, arguments, finish
from rollback import command, last_answer

from mlship.clock import SystemClock
from mlship.drivers.balancer.haproxy import HaproxyDriver
from mlship.drivers.balancer.haproxy.api import RuntimeApi
from mlship.drivers.balancer.haproxy.lines import backend_lines, frontend_lines, map_line, ring_lines
from mlship.drivers.base import Observed, Opening
from mlship.engine.hands import Hands
from mlship.engine.record import Record
from mlship.engine.rollback import roll_back, way_back_to
from mlship.journal.events import Started
from mlship.journal.holder import this_process
from mlship.journal.store import Journal
from mlship.plan.model import Canary, DriverSpec, Model, Plan
from mlship.plan.routing import Routing, all_to
from mlship.strategies import compile_plan

GOAL = 2.0
HALF = {"v2": 5000, "v1": 5000}
SPLIT = Routing(segments=tuple(HALF.items()))
CLOCK = SystemClock()
MODELS = {name: Model(name=name) for name in HALF}

_HEAD = """\
global
    stats socket {folder}/admin.sock mode 600 level admin
    nbthread 2
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
"""


def main() -> None:
    """Measure, print, exit."""
    asked = arguments("time from rollback to the last candidate request behind HAProxy, against the bare command")
    rounds = 5 if asked.quick else 20
    folder = Path(tempfile.mkdtemp(prefix="mlship-b-", dir="/tmp"))
    ports = cluster_ports(HALF)
    ours, theirs = [], []
    try:
        with running_models(ports), balancer(folder, ports) as port:
            wait(port)
            for number in range(rounds):
                theirs.append(bare_once(folder, port))
                ours.append(ours_once(folder, port, number))
            alone = [driver_alone(folder, number) for number in range(rounds * 10)]
            line = [bare_alone(folder) for _ in range(rounds * 10)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    median = statistics.median(theirs)
    spread = (min(ours) / median, max(ours) / median)
    value = statistics.median(ours) / median
    goals = [Goal(name="haproxy: rollback / bare command", value=value, target=GOAL, spread=spread)]
    if not asked.json:
        print(f"the driver alone, until it has returned: {_ms(alone)} ms; a bare command: {_ms(line)} ms (medians)")
    finish(goals, as_json=asked.json)


def _ms(times: list[float]) -> str:
    return f"{statistics.median(times) * 1000:.2f}"


def driver(folder: Path, fence: int) -> HaproxyDriver:
    """The service's driver."""
    spec = DriverSpec(name="haproxy", settings={"socket": f"{folder}/admin.sock", "map": f"{folder}/mlship.map"})
    return HaproxyDriver(
        Opening(service="bench", spec=spec, models=MODELS, fence=fence, state=folder / "state", clock=CLOCK)
    )


def bare_once(folder: Path, port: int) -> float:
    """Seconds from the command to the candidate's last answer."""
    api = RuntimeApi(address=f"{folder}/admin.sock")
    api.ask(f"set map {folder}/mlship.map bench any:v2:5000:v1:10000")

    def incident() -> None:
        api.ask(f"set map {folder}/mlship.map bench any:v1:10000")

    taken = last_answer(port, incident)
    (folder / "mlship.map").write_text(map_line("bench", "v1"))
    shutil.rmtree(folder / "state" / "balancer", ignore_errors=True)
    return taken


def ours_once(folder: Path, port: int, number: int) -> float:
    """Seconds from the rollback's first line to the candidate's last answer."""
    plan = Plan(
        service="bench", driver=DriverSpec(name="haproxy"), models=MODELS, live="v1", candidate="v2", assign_by=None,
        gates={}, guards=(), stages=(Canary(name="canary", gates=(), weights=(5000,), hold=60.0),),
    )  # fmt: skip
    journal = Journal(folder / f"journal-{number}", CLOCK)
    lease = journal.leases.acquire("bench", this_process(), rollout="r")
    started = Started(
        plan={"models": {name: {} for name in MODELS}}, base="/", by="bench", compiled=compile_plan(plan, live="v1")
    )
    journal.append(started, lease=lease)
    deploy = Hands(driver=driver(folder, lease.fence), record=Record(journal=journal, lease=lease), clock=CLOCK)
    deploy.scale(dict.fromkeys(HALF, 1), Observed())
    deploy.route(all_to("v1"), Observed())
    deploy.route(SPLIT, Observed())

    def incident() -> None:
        taken = journal.leases.take_over("bench", this_process(), rollout="r")
        record = Record(journal=journal, lease=taken)
        hands = Hands(driver=driver(folder, taken.fence), record=record, clock=CLOCK)
        seen = hands.observe()
        way_back = way_back_to("v1", {"v1": 1, "v2": 1}, seen=seen)
        roll_back(hands=hands, record=record, clock=CLOCK, way_back=way_back, reason="", by="bench", seen=seen)

    return last_answer(port, incident)


def driver_alone(folder: Path, number: int) -> float:
    """Seconds until the driver has returned: set, read back, kept."""
    opened = driver(folder, 1000 + number)
    opened.insist(SPLIT)
    return _timed(lambda: opened.insist(all_to("v1")))


def bare_alone(folder: Path) -> float:
    """Seconds until the socket has answered."""
    api = RuntimeApi(address=f"{folder}/admin.sock")
    return _timed(lambda: api.ask(f"set map {folder}/mlship.map bench any:v1:10000"))


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


@contextmanager
def balancer(folder: Path, ports: Mapping[str, int]) -> Iterator[int]:
    """HAProxy in front of them; the port that users come in by."""
    program = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        sys.exit("haproxy is missing: apt-get install haproxy")
    port = free_port()
    (folder / "mlship.map").write_text(map_line("bench", "v1"))
    frontend = frontend_lines(service="bench", default="v1", map_file=f"{folder}/mlship.map")
    backends = backend_lines({name: f"127.0.0.1:{each}" for name, each in ports.items()})
    bound = f"frontend users\n    bind 127.0.0.1:{port}\n{frontend}"
    (folder / "haproxy.cfg").write_text("\n".join([_HEAD.format(folder=folder), ring_lines(), bound, backends]))
    with subprocess.Popen([program, "-f", str(folder / "haproxy.cfg")], stderr=subprocess.DEVNULL) as process:
        try:
            yield port
        finally:
            process.kill()


if __name__ == "__main__":
    main()
