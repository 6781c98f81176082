"""A model's name that was used before for something else: what serves is what the plan at hand defines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mlship.cli import wiring
from mlship.clock import SystemClock
from mlship.errors import Exit
from mlship.journal.holder import this_process
from tests.e2e.site import Site
from tests.e2e.test_commands import GATES, QUICK

pytestmark = pytest.mark.envoy

ROOT = Path(__file__).parents[2]
ANOTHER = ["--name", "another"]


def rolled_out_and_back(site: Site) -> None:
    """v1 is live and runs; v2 has been live, and was stopped."""
    with site.users():
        assert site.deploy(site.plan(QUICK, more=GATES)).returncode == Exit.DONE
        assert site.mlship("rollback", "scorer").returncode == Exit.DONE
    assert (site.ask(), site.processes("--name v2")) == ("v1", [])


def leave_over(model: str) -> None:
    """Start a replica of the model as it was recorded; nothing will explain it."""
    clock = SystemClock()
    journal = wiring.open_journal(clock)
    state = journal.state("scorer")
    assert state.rollout is not None
    lease = journal.leases.acquire("scorer", this_process(), rollout=state.rollout.rollout)
    driver, _ = wiring.open_fleet(state, fence=lease.fence, clock=clock)
    driver.ensure(model, 1)
    journal.leases.release(lease)


def test_leftover_candidate(site: Site) -> None:
    """A replica that is left of an earlier candidate of the same name never serves; the plan's own does."""
    rolled_out_and_back(site)
    # In a process of its own: whoever starts a replica must have ended, or it stays a zombie once it is stopped.
    code = "from tests.e2e.test_definitions import leave_over; leave_over('v2')"
    subprocess.run([sys.executable, "-c", code], env=site.environment, cwd=ROOT, check=True)
    assert len(site.processes("--name v2")) == 1
    with site.users() as answers:
        ran = site.deploy(site.plan(QUICK, v2=ANOTHER, more=GATES))
        assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert set(answers) == {"v1", "another"}
    assert len(site.processes("--name v2")) == 1


def test_live_is_not_defined_anew(site: Site) -> None:
    """A plan that defines the live model anew would replace it unjudged: exit 2, and nothing is touched."""
    rolled_out_and_back(site)
    before = site.processes("--name v1")
    ran = site.deploy(site.plan(QUICK, v1=ANOTHER, more=GATES))

    assert (ran.returncode, "another command" in ran.stderr) == (Exit.USAGE, True), ran.stderr
    assert (site.ask(), site.processes("--name v1")) == ("v1", before)


def test_a_first_plan_is_corrected(site: Site) -> None:
    """A live model that never came up may be defined anew, as often as it takes: nobody was served by it."""
    for _ in range(2):
        assert site.deploy(site.plan(QUICK, v1=["--crash"], more=GATES)).returncode == Exit.OUT_OF_REACH
        assert site.deploy(site.plan(QUICK, v1=["--no-such-word"], more=GATES)).returncode == Exit.OUT_OF_REACH
    with site.users():
        ran = site.deploy(site.plan(QUICK, more=GATES))
    assert (ran.returncode, site.ask()) == (Exit.DONE, "v2"), ran.stdout + ran.stderr


def test_a_first_plan_is_taken_back(site: Site) -> None:
    """Nothing can be brought back where nothing has served: the way out is named, and it works."""
    site.deploy(site.plan(QUICK, v1=["--crash"], more=GATES))
    back = site.mlship("rollback", "scorer")
    again = site.deploy(site.plan(QUICK, more=GATES))
    out = "nothing was routed yet: `mlship down scorer` ends it, then deploy the corrected plan"
    assert (back.returncode, out in back.stderr) == (Exit.ROLLBACK_INCOMPLETE, True), back.stderr
    assert (again.returncode, out in again.stderr) == (Exit.USAGE, True), again.stderr

    assert site.mlship("down", "scorer", "--yes").returncode == Exit.DONE
    with site.users():
        assert site.deploy(site.plan(QUICK, more=GATES)).returncode == Exit.DONE


def test_candidate_is_live_by_another_definition(site: Site) -> None:
    """A plan whose candidate has the name of what is live, but not its definition: exit 2, and nothing is touched."""
    with site.users():
        assert site.deploy(site.plan(QUICK, more=GATES)).returncode == Exit.DONE
    ran = site.deploy(site.plan(QUICK, v2=ANOTHER, more=GATES))
    assert (ran.returncode, "another definition" in ran.stderr) == (Exit.USAGE, True), ran.stderr
    assert (site.ask(), len(site.processes("--name v2"))) == ("v2", 1)
