"""Whole rollouts behind balancers that are somebody else's, by the command line, under traffic: each make alike."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlship.errors import Exit
from tests.e2e.balanced import MAKES, RACE, Make, Stages
from tests.support.balanced_cli import SLOW, mlship, plan, under_way, until_seen, until_split
from tests.support.balanced_load import Load
from tests.support.balanced_site import BalancedSite
from tests.support.site import until

pytestmark = pytest.mark.load

Site = BalancedSite[Any]
SALES = """
import json, os, sys, urllib.request
address = json.loads(sys.argv[1])[os.environ["MLSHIP_MODEL"]]
with urllib.request.urlopen(f"http://{address}/arrived", timeout=5) as answer:
    count = json.load(answer)["arrived"] // 10
print(json.dumps({"count": count, "sum": int(count * (0.3 if os.environ["MLSHIP_MODEL"] == "v2" else 0.1))}))
"""
"""Another system: it knows of each tenth request of a model, and what became of it."""
RACING = [pytest.param(make, marks=getattr(pytest.mark, make.owner.engine)) for make in MAKES if make.races]


@pytest.fixture(params=[pytest.param(make, marks=getattr(pytest.mark, make.owner.engine)) for make in MAKES], ids=str)
def make(request: pytest.FixtureRequest) -> Make[Any]:
    """Which balancer it is."""
    assert isinstance(request.param, Make)
    return request.param


@pytest.fixture
def site(make: Make[Any]) -> Iterator[Site]:
    """A balancer that has v1 serve everybody; v2 is faster by more than shared cores can hide."""
    with make.owner.site() as opened:
        opened.service = "digits"
        opened.serve("v1", DELAY="0.02")
        opened.serve("v2")
        opened.balance(1, **make.asked)
        if make.begin is not None:
            make.begin(opened)
        until(lambda: opened.ask().status == 200)
        yield opened


def test_a_rollout_ends_promoted(make: Make[Any], site: Site) -> None:
    """Hardly a request fails; afterwards `down` lets go, and users are served on."""
    with Load(port=site.balancer.port) as load:
        ran = mlship(site, "deploy", staged(site, make.stages), "--yes", "--output", "plain")
    doctor = mlship(site, "doctor", "digits")
    down = mlship(site, "down", "digits", "--yes")

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert len(load.failed) <= make.lost, load.failed
    assert (doctor.returncode, "everything runs as recorded" in doctor.stdout) == (0, True), doctor.stdout
    assert down.returncode == 0
    assert site.ask().model == "v2"


def test_before_a_first_deploy_the_plan_alone_is_enough_for_doctor(make: Make[Any], site: Site) -> None:
    """A sound balancer has nothing in the way; one that is away is told of, with what to do. Nothing is changed."""
    asked = staged(site, make.stages)
    before = make.owner.found(site.balancer)
    sound = mlship(site, "doctor", "--plan", asked)
    after = make.owner.found(site.balancer)
    site.balancer.kill()
    away = mlship(site, "doctor", "--plan", asked)

    told = f"nothing of driver {site.make} is in the way"
    assert (sound.returncode, told in sound.stdout) == (0, True), sound.stdout + sound.stderr
    assert before == after
    assert away.returncode == Exit.UNEXPECTED
    assert make.owner.away(site.balancer) in away.stdout
    assert f"hint: start {make.owner.name}" in away.stdout


def test_a_candidate_that_errs_is_rolled_back(make: Make[Any], site: Site) -> None:
    """By the balancer's own numbers; afterwards everybody has the live model."""
    site.stop("v2")
    site.serve("v2", ERRORS="0.5")
    with Load(port=site.balancer.port):
        ran = mlship(site, "deploy", staged(site, make.canary), "--yes", "--output", "plain")

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert make.owner.found(site.balancer) == make.owner.live


@pytest.mark.parametrize("make", RACING, ids=str, indirect=True)
def test_a_bandit_moves_the_traffic(make: Make[Any], site: Site) -> None:
    """By a number that another system tells: the weights follow it until the better model is proven, and goes live."""
    sales = {"command": {"run": [sys.executable, "-c", SALES, json.dumps(site.addresses)]}, "within": "100ms"}
    asked = json.loads(plan(site, metrics={"sales": sales}, stages=[RACE]).read_text())
    asked.pop("assign-by", None)
    file = site.folder / "race.yaml"
    file.write_text(json.dumps(asked))
    with Load(port=site.balancer.port) as load:
        ran = mlship(site, "deploy", file, "--yes", "--output", "plain")
    events = mlship(site, "show", "digits", "--json").stdout

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert '"reallocated"' in events
    assert len(load.failed) <= 2 * make.lost, load.failed
    assert site.ask().model == "v2"


def test_others_stop_a_rollout_and_no_rollback(make: Make[Any], site: Site) -> None:
    """Somebody moves the traffic by hand: that is seen, the rollout holds, and `rollback` brings it back."""
    with under_way(site, "deploy", plan(site, stages=SLOW), "--yes", "--output", "plain"):
        until_split(site)
        make.owner.by_hand(site.balancer)
        until_seen(site)
        doctor = mlship(site, "doctor", "digits").stdout
        back = mlship(site, "rollback", "digits", "--reason", "night")

    assert "it has v2 100%, mlship has set v2 10%, v1 90%" in doctor
    assert back.returncode == Exit.DONE, back.stdout + back.stderr
    assert make.owner.found(site.balancer) == make.owner.live


def test_rollback_with_others_and_a_dead_node(make: Make[Any], site: Site) -> None:
    """Somebody changes one node, another dies: the one that answers is back at once, the rest once that one is."""
    site.balance()
    with under_way(site, "deploy", plan(site, stages=SLOW), "--yes", "--output", "plain"):
        until_split(site)
        make.owner.by_hand(site.balancers[1])
        until_seen(site)
        site.balancers[0].kill()
        first = mlship(site, "rollback", "digits")
        found = make.owner.found(site.balancers[1])
        site.balancers[0].start()
        second = mlship(site, "rollback", "digits")

    assert first.returncode == Exit.ROLLBACK_INCOMPLETE, first.stdout + first.stderr
    assert make.owner.away(site.balancers[0]) in first.stdout + first.stderr
    assert found == make.owner.live
    assert second.returncode == Exit.DONE, second.stdout + second.stderr
    assert [make.owner.found(each) for each in site.balancers] == [make.owner.live, make.owner.live]


def test_nothing_is_claimed_of_models_behind_a_dead_balancer(make: Make[Any], site: Site) -> None:
    """They run: `rollback` fails for the balancer, and what `doctor` and `status` advise comes before another one."""
    with under_way(site, "deploy", plan(site, stages=SLOW), "--yes", "--output", "plain"):
        until_split(site)
        site.balancer.kill()
        first = mlship(site, "rollback", "digits")
        told = [mlship(site, command, "digits").stdout for command in ("doctor", "status")]

    assert first.returncode == Exit.ROLLBACK_INCOMPLETE, first.stdout + first.stderr
    assert ["v2 does not run" in each for each in told] == [False, False], told
    assert ["start what does not answer; then `mlship rollback digits`" in each for each in told] == [True, True], told


def staged(site: Site, stages: Stages | None) -> Path:
    """The shipped plan on the site, with other stages where there are some."""
    return plan(site) if stages is None else plan(site, stages=stages)
