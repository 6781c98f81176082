"""A/B tests and bandits by the whole command line, on the real router, with users who do things afterwards."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from mlship.clock import SystemClock
from mlship.demo.traffic import Load, Traffic
from mlship.errors import Exit
from tests.e2e.site import Site
from tests.e2e.test_commands import GATES

pytestmark = pytest.mark.envoy

SHADOW = "  - { strategy: shadow, mirror: { v2: 100% }, hold: 1s, requests: 20, gates: [errors], at-most: 120s }\n"
AB = """\
  - { strategy: ab, split: { live: 50%, candidate: 50% }, goal: conversion, hold: 1s, at-most: 120s, gates: [errors] }
"""
BANDIT = """\
  - { strategy: bandit, goal: conversion, hold: 1s, every: 1s, batch: 50, burn-in: 30, floor: 30%, at-most: 120s,
      gates: [errors] }
"""
BLUE_GREEN = "  - { strategy: blue-green, bake: 1s }\n"
MORE = """\
assign-by: header:x-user-id
metrics: { conversion: { outcome: reward, within: 1s } }
gates: { errors: { metric: error_rate, no-worse-than: live, margin: 10% } }
bake: 0s
"""


def users(site: Site, **rewards: float) -> Load:
    return Load(
        address=f"127.0.0.1:{site.port}",
        bodies=(b"{}",),
        path="/predict",
        rate=150.0,
        rewards=rewards,
        max_seconds=170.0,
    )


def told(site: Site, kind: str) -> list[dict[str, object]]:
    lines = map(json.loads, site.mlship("show", "scorer", "--json").stdout.splitlines())
    return [line for line in lines if line["type"] == kind]


@pytest.mark.parametrize("stage", [AB, BANDIT], ids=["ab", "bandit"])
def test_after_a_shadow_and_before_a_switch(site: Site, stage: str) -> None:
    """The candidate that users do more with goes all the way, nobody fails, and the record decides the same again."""
    plan = site.plan(SHADOW + stage + BLUE_GREEN, more=MORE)
    with Traffic(users(site, v1=0.1, v2=0.35), clock=SystemClock()) as traffic:
        ran = site.deploy(plan)
    sent = traffic.sent
    replayed = site.mlship("replay", "scorer")

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert (site.status()["status"], site.status()["live"]) == ("promoted", "v2")
    assert (sent.ok > 300, sent.failed, sent.told > 20) == (True, 0, True)
    assert (replayed.returncode, "all come out the same" in replayed.stdout) == (0, True), replayed.stdout


def test_an_arm_that_pays_less_is_taken_back(site: Site) -> None:
    """A/B: exit 3, and the reason is in words that need no statistics."""
    plan = site.plan(AB, more=MORE)
    with Traffic(users(site, v1=0.4, v2=0.05), clock=SystemClock()):
        ran = site.deploy(plan)

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert "proven worse: v2 " in str(site.status()["reason"])
    assert site.ask() == "v1"


def test_a_killed_race_goes_on_where_it_was(site: Site) -> None:
    """kill -9 between two changes of the weights: resume counts every request once and ends the race."""
    plan = site.plan(BANDIT, more=MORE.replace("assign-by: header:x-user-id\n", ""))
    with Traffic(users(site, v1=0.1, v2=0.25), clock=SystemClock()) as traffic:
        run = site.start("deploy", plan, "--yes", "--output", "json")
        site.until(lambda: '"type":"reallocated"' in site.output.read_text())
        run.kill()
        run.wait()
        resumed = site.mlship("resume", "scorer")
    cohorts = [look["look"]["rewards"] for look in told(site, "looked") if look["look"]["rewards"]]  # type: ignore[index]

    assert resumed.returncode == Exit.DONE, resumed.stdout + resumed.stderr
    assert traffic.sent.failed == 0
    assert all(before["end"] == after["start"] for before, after in pairwise(cohorts))


def test_a_number_from_elsewhere_takes_a_candidate_back(site: Site) -> None:
    """A limit on what a program prints: within it the canary goes on, beyond it everything goes back."""
    number = site.folder / "number.json"
    number.write_text('{"value": 0.1}')
    canary = "strategy: canary, weights: [10%, 50%], hold: 2s, requests: 5, gates: [errors, load], at-most: 120s"
    source = {"run": [sys.executable, "-c", "import sys; print(open(sys.argv[1]).read())", str(number)]}
    more = (
        f"metrics: {{ load: {{ command: {json.dumps(source)} }} }}\nguards: []\n"
        "gates:\n  errors: { metric: error_rate, no-worse-than: live, margin: 10% }\n"
        "  load: { metric: load, max: 0.5 }\n"
    )
    plan = site.plan(f"  - {{ {canary} }}\n", more=more)
    with site.users():
        run = site.start("deploy", plan, "--yes", "--output", "plain")
        site.until_share("v2")
        number.write_text('{"value": 0.9}')
        code = run.wait(120)

    assert code == Exit.ROLLED_BACK, site.output.read_text()
    assert "load is 0.9, at most 0.5" in str(site.status()["reason"])


def test_the_goal_may_be_in_a_database(site: Site, tmp_path: Path) -> None:
    """Sums of a query are the outcomes: units and conversions of each model since the test began."""
    import sqlite3

    database = tmp_path / "kpi.db"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE orders (model TEXT, at REAL, paid INTEGER)")
        now = SystemClock().now()
        rows = [
            (model, now + n / 10, int(n % 10 < good)) for model, good in (("v1", 1), ("v2", 5)) for n in range(3000)
        ]
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
    query = (
        "SELECT count(*) AS count, sum(paid) AS sum FROM orders WHERE model = :model AND at >= :since AND at < :until"
    )
    source = {"url": f"sqlite:///{database}", "query": query}
    more = MORE.replace("{ outcome: reward, within: 1s }", json.dumps({"sql": source, "within": "1s"}))
    plan = site.plan(AB + BLUE_GREEN, more=more)
    with Traffic(users(site), clock=SystemClock()):
        ran = site.deploy(plan)

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert "proven better" in ran.stdout


def test_exit_codes_of_a_replay(site: Site) -> None:
    """A name that is no rollout is bad usage; one that decides the same is 0."""
    with site.users():
        assert site.deploy(site.plan("  - { strategy: blue-green, bake: 1s }\n", more=GATES)).returncode == Exit.DONE
    (rollout,) = {line["rollout"] for line in told(site, "promoted")}

    assert site.mlship("replay", str(rollout), "--json").returncode == Exit.DONE
    assert site.mlship("replay", "nobody").returncode == Exit.USAGE
