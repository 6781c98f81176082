"""The router's throughput and p99 against a bare Envoy with the same split, side by side on the same upstreams.

`wrk` loads the two in turn, first one first, then the other; a round is one pair, short, because the machine's other
work comes and goes. Both answer with the model's name and the request id, and both distrust what clients say in Envoy's
own headers. The bare one has no counters per model, no health checks, no retries and no second try at the live model:
what the ratio shows is the price of those.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path

from bare import free_port, router, upstream_command, wait
from harness import Goal, arguments, finish, ratios

from mlship.clock import SystemClock
from mlship.drivers.base import Opening
from mlship.drivers.process import ProcessDriver
from mlship.plan.model import DriverSpec, Health, Model
from mlship.plan.routing import Routing

GOAL = 0.97
WEIGHTS = {"v2": 1000, "v1": 9000}
CONNECTIONS = 32


def main() -> None:
    """Measure, print, exit."""
    asked = arguments("router throughput and p99 against a bare Envoy")
    rounds, seconds = (12, 1) if asked.quick else (60, 1)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        goals = measure(Path(folder), rounds=rounds, seconds=seconds)
    finish(goals, as_json=asked.json)


def measure(folder: Path, *, rounds: int, seconds: int) -> list[Goal]:
    """Ratios of the medians, ours over bare for throughput and bare over ours for p99: one is a tie."""
    port, bare_port = free_port(), free_port()
    driver = opened(folder, port)
    try:
        for model in WEIGHTS:
            driver.ensure(model, 1)
        driver.route(Routing(segments=tuple(WEIGHTS.items())))
        wait(port)
        with router(bare_port, ports(folder), WEIGHTS):
            ours: list[tuple[float, float]] = []
            theirs: list[tuple[float, float]] = []
            load(port, 1), load(bare_port, 1)
            for turn in range(rounds):
                for side in (0, 1) if turn % 2 else (1, 0):
                    (ours, theirs)[side].append(load((port, bare_port)[side], seconds))
    finally:
        driver.shutdown()
    rate, rate_spread = ratios([r for r, _ in ours], [r for r, _ in theirs])
    slow, slow_spread = ratios([p for _, p in theirs], [p for _, p in ours])
    return [
        Goal(name="requests per second, ours / bare", value=rate, target=GOAL, at_least=True, spread=rate_spread),
        Goal(name="p99, bare / ours", value=slow, target=GOAL, at_least=True, spread=slow_spread),
    ]


def opened(folder: Path, port: int) -> ProcessDriver:
    """The driver with two instant models."""
    models = {name: Model(name=name, command=upstream_command(), health=Health(path="/")) for name in WEIGHTS}
    spec = DriverSpec(name="process", settings={"listen": f"127.0.0.1:{port}"})
    return ProcessDriver(Opening(service="bench", spec=spec, models=models, fence=1, state=folder, clock=SystemClock()))


def ports(folder: Path) -> dict[str, int]:
    """Model → port of its replica, as the driver's own notes say."""
    notes = [json.loads(file.read_text()) for file in folder.glob("process/bench/replicas/*.json")]
    return {note["model"]: note["port"] for note in notes}


def load(port: int, seconds: int) -> tuple[float, float]:
    """Requests per second, and the 99th percentile in milliseconds."""
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", f"http://127.0.0.1:{port}/predict"]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    slow = re.search(r"99%\s+([\d.]+)(us|ms|s)", told)
    assert rate is not None, told
    assert slow is not None, told
    assert "Non-2xx" not in told, told
    return float(rate[1]), float(slow[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[slow[2]]


if __name__ == "__main__":
    main()
