"""Whole rollouts behind an HAProxy that is somebody else's, by the command line, under traffic."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mlship.errors import Exit
from tests.support.haproxy_load import Load
from tests.support.haproxy_site import HaproxySite, haproxy_site
from tests.support.site import until

pytestmark = [pytest.mark.haproxy, pytest.mark.load]

SHIPPED = Path(__file__).parents[2] / "plans" / "balancers" / "haproxy.yaml"


@pytest.fixture
def site() -> Iterator[HaproxySite]:
    """Two models and an HAProxy whose map already says that v1 serves."""
    with haproxy_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.service = "digits"
        opened.balance()
        until(lambda: opened.balancer.ask().status == 200)
        yield opened


def mlship(site: HaproxySite, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mlship", *map(str, words)],
        env=environment(site), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def environment(site: HaproxySite) -> dict[str, str]:
    return {**os.environ, "MLSHIP_STATE": str(site.folder / "state"), "NO_COLOR": "1", "COLUMNS": "200"}


def plan(site: HaproxySite, **more: object) -> Path:
    """The shipped plan on this site, with shorter waits."""
    stages = yaml.safe_load(SHIPPED.read_text("utf-8"))["stages"]
    nodes = [{"socket": each.socket, "map": str(each.map)} for each in site.balancers]
    driver = {"haproxy": {"nodes": nodes, "ring": "mlship", "listen": f"127.0.0.1:{site.balancer.port}"}}
    overlay = {
        **yaml.safe_load(SHIPPED.read_text("utf-8")),
        "driver": driver,
        "assign-by": "header:x-user",
        "stages": [stage | {"hold": "1s", "weights": ["10%", "50%"]} for stage in stages],
        "look-every": "300ms",
        "bake": "500ms",
        **more,
    }
    file = site.folder / "plan.yaml"
    file.write_text(json.dumps(overlay), "utf-8")
    return file


def status(site: HaproxySite) -> dict[str, object]:
    (found,) = json.loads(mlship(site, "status", "digits", "--json").stdout)
    return dict(found)


def test_the_shipped_plan_ends_promoted(site: HaproxySite) -> None:
    """No request fails; afterwards `down` lets go, and users are served on."""
    with Load(port=site.balancer.port) as load:
        ran = mlship(site, "deploy", plan(site), "--yes", "--output", "plain")
    doctor = mlship(site, "doctor", "digits")
    down = mlship(site, "down", "digits", "--yes")

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert load.failed == []
    assert (doctor.returncode, "everything runs as recorded" in doctor.stdout) == (0, True), doctor.stdout
    assert down.returncode == 0
    assert site.balancer.ask().model == "v2"


def test_a_candidate_that_errs_is_rolled_back(site: HaproxySite) -> None:
    """By HAProxy's own counters; afterwards everybody has the live model."""
    site.stop("v2")
    site.serve("v2", ERRORS="0.5")
    with Load(port=site.balancer.port):
        ran = mlship(site, "deploy", plan(site), "--yes", "--output", "plain")

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert site.balancer.entry == "any:v1:10000"


def test_others_stop_a_rollout_and_no_rollback(site: HaproxySite) -> None:
    """Somebody moves the traffic by hand: that is seen, the rollout holds, and `rollback` brings it back."""
    slow = [{"strategy": "canary", "weights": ["10%", "50%"], "hold": "5m"}]
    words = [sys.executable, "-m", "mlship", "deploy", str(plan(site, stages=slow)), "--yes", "--output", "plain"]
    with (site.folder / "out.txt").open("w") as sink:
        run = subprocess.Popen(words, env=environment(site), stdout=sink, stderr=subprocess.STDOUT)
    try:
        until(lambda: ":v2:1000:" in (site.balancer.entry or ""))
        site.balancer.api.ask(f"set map {site.balancer.map} digits any:v2:10000")
        until(lambda: "changed by somebody else" in mlship(site, "status", "digits").stdout)
        doctor = mlship(site, "doctor", "digits").stdout
        back = mlship(site, "rollback", "digits", "--reason", "night")
    finally:
        run.kill()
        run.wait()

    assert "it has v2 100%, mlship has set v2 10%, v1 90%" in doctor
    assert back.returncode == Exit.DONE, back.stdout + back.stderr
    assert site.balancer.entry == "any:v1:10000"


def test_rollback_with_a_dead_node_needs_a_human_until_it_is_back(site: HaproxySite) -> None:
    """The node that answers is back at once; the command says that it is not done, and ends it when called again."""
    site.balance()
    slow = [{"strategy": "canary", "weights": ["50%"], "hold": "5m"}]
    words = [sys.executable, "-m", "mlship", "deploy", str(plan(site, stages=slow)), "--yes", "--detach"]
    subprocess.run(words, env=environment(site), check=True, timeout=60, capture_output=True)
    until(lambda: ":v2:5000:" in (site.balancers[1].entry or ""))
    site.balancers[0].kill()

    first = mlship(site, "rollback", "digits")
    entry = site.balancers[1].entry
    site.balancers[0].start()
    second = mlship(site, "rollback", "digits")

    assert first.returncode == Exit.ROLLBACK_INCOMPLETE, first.stdout + first.stderr
    assert "lb0/admin.sock does not answer" in first.stdout + first.stderr
    assert entry == "any:v1:10000"
    assert second.returncode == Exit.DONE, second.stdout + second.stderr
    assert [each.entry for each in site.balancers] == [entry, entry]
