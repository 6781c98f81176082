"""What it costs users when answers are kept and requests are copied: the same router with and without, side by side.

The settings take turns, a second or two each, on one router: a round is one turn of each. At saturation, with models
that answer at once, the ratios of requests per second show the price in processor time: copies and the challenger
that gets them share the machine with everything else. At 500 requests a second there is time to spare, and the ratios
of the medians and the 99th percentiles show whether users wait for any of it; three challengers get copies there, of
which one never answers and one is dead. Those users ask when they please, so that no two of them keep in step, and
their models take 20 ms. What copies cost at the 99th percentile is a matter of milliseconds, not of a share: of two
processors that router, models, challengers and users share, about 2 ms, which with models of 10 ms is a ratio of 1.2.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from bare import free_port, upstream_command, wait
from harness import Goal, arguments, finish, ratios
from msgspec.structs import replace

from mlship.clock import SystemClock
from mlship.drivers.base import Opening
from mlship.drivers.process import ProcessDriver
from mlship.plan.model import DriverSpec, Health, Model
from mlship.plan.routing import Capture, Mirror, Routing, all_to

CONNECTIONS = 32
TAKES = 0.020
"""Seconds that an answer takes."""
USERS = 55
THINKS = "function delay() return math.random(0, 176) end"
"""Milliseconds from an answer to the user's next request: with `TAKES`, 55 users ask 500 times a second."""

PLAIN = all_to("v1")
STEADY = all_to("steady-1")
SATURATED: Mapping[str, tuple[Routing, float]] = {
    "a tenth kept": (replace(PLAIN, capture=Capture(sample=1000)), 0.80),
    "all kept": (replace(PLAIN, capture=Capture()), 0.55),
    "all copied, both sides kept": (
        replace(PLAIN, capture=Capture(), mirrors=(Mirror(model="v2", share=10_000),)),
        0.22,
    ),
}
QUIET = {
    "all kept": replace(STEADY, capture=Capture()),
    "three challengers, one hangs, one dead": replace(
        STEADY,
        capture=Capture(),
        mirrors=(
            Mirror(model="steady-2", share=10_000),
            Mirror(model="hangs", share=2000),
            Mirror(model="dead", share=500),
        ),
    ),
}
LATER = 1.1
"""Most that the median and the 99th percentile may grow."""
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
_Found = TypeVar("_Found")

LAME = """
import socket, sys, threading
def serve(there):
    if there.recv(65536).startswith(b"GET /health "):
        there.sendall(b"HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\nconnection: close\\r\\n\\r\\n")
        there.close()
    elif sys.argv[2] == "dead":
        listening.shutdown(socket.SHUT_RDWR)
        there.close()
    else:
        threading.Event().wait()
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=512)
try:
    while True:
        threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
except OSError:
    listening.close()
    threading.Event().wait()
"""
"""A model that passes its health check; asked for more it never answers (`hangs`), or takes no connection any more."""


def main() -> None:
    """Measure, print, exit."""
    asked = arguments("what kept and copied requests cost the router's users")
    rounds = 5 if asked.quick else 40
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        goals = measure(Path(folder), rounds=rounds)
    finish(goals, as_json=asked.json)


def measure(folder: Path, *, rounds: int) -> list[Goal]:
    """Ratios to the router without any of it."""
    port = free_port()
    driver = opened(folder, port)
    try:
        for model in MODELS:
            driver.ensure(model.name, 1)
        driver.route(PLAIN)
        wait(port)
        busy = {"": PLAIN, **{name: routing for name, (routing, _) in SATURATED.items()}}
        saturated = taken(driver, busy, rounds, lambda: rate(port))
        quiet = taken(driver, {"": STEADY, **QUIET}, max(rounds // 2, 5), lambda: latencies(port))
    finally:
        driver.shutdown()
    goals = []
    for name, (_, least) in SATURATED.items():
        value, spread = ratios(saturated[name], saturated[""])
        goals.append(
            Goal(name=f"requests per second, {name} / none", value=value, target=least, at_least=True, spread=spread)
        )
    for name in QUIET:
        for place, part in enumerate(("p50", "p99")):
            value, spread = ratios([each[place] for each in quiet[name]], [each[place] for each in quiet[""]])
            goals.append(Goal(name=f"{part} at 500/s, {name} / none", value=value, target=LATER, spread=spread))
    return goals


def taken(
    driver: ProcessDriver, settings: Mapping[str, Routing], rounds: int, one: Callable[[], _Found]
) -> dict[str, list[_Found]]:
    """Per setting what `one` measured in each round; "" is the router without any of it."""
    found: dict[str, list[_Found]] = {name: [] for name in settings}
    names = list(settings)
    driver.route(settings[""])
    one()
    for turn in range(rounds):
        for name in names if turn % 2 else reversed(names):
            driver.route(settings[name])
            found[name].append(one())
            read(driver)
    return found


def read(driver: ProcessDriver) -> None:
    """Make room, as a reader would: a full spool would cost nothing any more."""
    assert all(tally.unkept == 0 for tally in driver.measure().models.values())
    driver.rotate()
    for file in driver.captures().glob("*.*.jsonl"):
        file.unlink()


def rate(port: int) -> float:
    """Requests per second at saturation."""
    found = re.search(r"Requests/sec:\s+([\d.]+)", wrk(port, CONNECTIONS, 1))
    assert found is not None
    return float(found[1])


def latencies(port: int) -> tuple[float, float]:
    """The median and the 99th percentile in milliseconds, at a rate that leaves time to spare."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(THINKS)
        script.flush()
        told = wrk(port, USERS, 2, "--script", script.name)
    found = {part: (value, unit) for part, value, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", told)}
    median, last = (float(value) * _MILLISECONDS[unit] for value, unit in (found["50"], found["99"]))
    return median, last


def wrk(port: int, users: int, seconds: int, *more: str) -> str:
    """What `wrk` tells of so many users, who ask again at once unless a script in `more` has them think."""
    words = ["wrk", "-t1", f"-c{users}", f"-d{seconds}s", "--latency", *more, f"http://127.0.0.1:{port}/predict"]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert "Non-2xx" not in told, told
    assert "Socket errors" not in told, told
    return told


def instant(name: str, delay: float = 0.0) -> Model:
    """A model that costs next to nothing."""
    return Model(name=name, command=upstream_command(delay), health=Health(path="/"))


def lame(name: str) -> Model:
    """A model that passes its health check, and that is all; how it is called is what it does."""
    command = (sys.executable, "-c", LAME, "{port}", name)
    return Model(name=name, command=command, health=Health(path="/health"), drain=1.0)


MODELS = (
    instant("v1"), instant("v2"), instant("steady-1", TAKES), instant("steady-2", TAKES), lame("hangs"), lame("dead"),
)  # fmt: skip


def opened(folder: Path, port: int) -> ProcessDriver:
    """The driver with all models."""
    models = {model.name: model for model in MODELS}
    spec = DriverSpec(name="process", settings={"listen": f"127.0.0.1:{port}"})
    return ProcessDriver(Opening(service="bench", spec=spec, models=models, fence=1, state=folder, clock=SystemClock()))


if __name__ == "__main__":
    main()
