"""Whole rollouts by the command line, under the load of `hey`: no request fails, and no user is sent back and forth."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import sqrt

import pytest

from mlship.errors import Exit
from mlship.plan.routing import WHOLE
from tests.e2e.site import Site
from tests.e2e.test_commands import GATES
from tests.engines import need
from tests.support.site import CLOCK

pytestmark = [pytest.mark.envoy, pytest.mark.load, pytest.mark.alone]

CANARY = "  - { strategy: canary, weights: [1%, 5%, 25%, 50%], hold: 2s, requests: 10, at-most: 90s, gates: [same] }\n"
WEIGHTS = [100, 500, 2500, 5000]
CONNECTIONS, EACH = 64, 12
"""Of `hey`, and the requests per second of each: about 770 together, so that it is 500 on a busy machine, too."""
USERS, BETWEEN = 20, 0.05
"""Seconds between two of their requests: who stays with one model says nothing about the share of all."""
SLOW = "2"
"""Seconds; the models' timeout is 3."""


@contextmanager
def load(site: Site) -> Iterator[list[str]]:
    """Steady requests for as long as the context lasts; then the list has what `hey` says of them."""
    need("hey")
    words = ["hey", "-z", "250s", "-c", str(CONNECTIONS), "-q", str(EACH), "-t", "30"]
    hey = subprocess.Popen([*words, f"http://127.0.0.1:{site.port}/predict"], stdout=subprocess.PIPE, text=True)
    told: list[str] = []
    try:
        yield told
        hey.send_signal(signal.SIGINT)
        told.append(hey.communicate(timeout=60)[0])
    finally:
        hey.kill()
        hey.wait()


@contextmanager
def meanwhile(*works: Callable[[], object]) -> Iterator[None]:
    """Each in a thread of its own, again and again for as long as the context lasts."""
    stop = threading.Event()

    def repeat(work: Callable[[], object]) -> None:
        while not stop.is_set():
            work()

    threads = [threading.Thread(target=repeat, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def shares(site: Site) -> dict[int, tuple[int, int]]:
    """Weight that was asked for → what the candidate and both together were sent under it."""
    seen: dict[int, tuple[int, int]] = {}
    for line in site.mlship("show", "scorer", "--json").stdout.splitlines():
        event = json.loads(line)
        look = event.get("look", {"settling": True})
        if look.get("settling") or not look.get("tallies"):
            continue
        tallies = {model: tally["requests"] for model, tally in look["tallies"].items()}
        before = seen.get(look["weights"].get("v2", 0), (0, 0))
        sums = before[0] + tallies.get("v2", 0), before[1] + sum(tallies.values())
        seen[look["weights"].get("v2", 0)] = sums
    return seen


def test_two_canaries_under_load(site: Site) -> None:
    """Up to 100 %, back, up until kill -9, back: everybody is answered, shares are as asked, users only added."""
    plan = site.plan(CANARY, more=f"{GATES}assign-by: header:x-user-id\n")
    site.bring_up(plan)
    paths: dict[str, list[str]] = {f"user-{number}": [] for number in range(USERS)}
    slow: Counter[str] = Counter()

    def ask_each() -> None:
        for user, path in paths.items():
            path.append(site.ask({"x-user-id": user}))
            CLOCK.sleep(BETWEEN)

    with load(site) as told, meanwhile(*[lambda: slow.update([site.ask({"x-delay": SLOW})])] * 6):
        with meanwhile(ask_each):
            assert site.deploy(plan).returncode == Exit.DONE
        seen = shares(site)
        assert site.mlship("rollback", "scorer").returncode == Exit.DONE
        assert {site.ask() for _ in range(20)} == {"v1"}
        again = site.start("deploy", plan, "--yes", "--output", "plain")
        site.until_share("v2")
        again.kill()
        again.wait()
        assert site.mlship("rollback", "scorer").returncode == Exit.DONE
        assert {site.ask() for _ in range(20)} == {"v1"}

    assert all(path == sorted(path) and set(path) <= {"v1", "v2"} for path in paths.values()), paths
    assert set(slow) == {"v1", "v2"}
    assert re.findall(r"\[(\d+)\]\s+\d+ responses", told[0]) == ["200"], told[0]
    assert "Error distribution" not in told[0], told[0]
    assert float(re.findall(r"Requests/sec:\s+([\d.]+)", told[0])[0]) >= 500
    assert set(seen) >= set(WEIGHTS)
    for weight in WEIGHTS:
        (candidate, total), share = seen[weight], weight / WHOLE
        assert abs(candidate - total * share) <= 4 * sqrt(total * share * (1 - share)), (weight, candidate, total)
