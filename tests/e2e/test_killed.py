"""kill -9 in the middle of a rollout, of the controller and of the router: the users go on, and so does the rollout."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mlship.errors import Exit
from tests.e2e.site import Site
from tests.e2e.test_commands import GATES, LONG, QUICK

pytestmark = pytest.mark.envoy


def killed(site: Site, plan: Path, moment: int, answers: Counter[str]) -> None:
    """A deploy that dies by kill -9 after so many events; the users go on without it."""
    deploy = site.start("deploy", plan, "--yes", "--output", "json")
    site.until(lambda: site.output.read_text().count("\n") >= moment)
    deploy.kill()
    deploy.wait()
    before = answers.total()
    site.until(lambda: answers.total() > before + 30)


@pytest.mark.parametrize("moment", [2, 9, 11, 14, 22])
def test_killed_controller(site: Site, moment: int) -> None:
    """kill -9 of the controller: no user notices, and `resume` reaches the end of an uninterrupted run."""
    plan = site.plan(QUICK, more=GATES)
    site.bring_up(plan)
    with site.users() as answers:
        killed(site, plan, moment, answers)
        resumed = site.mlship("resume", "scorer", "--output", "plain")
        assert resumed.returncode == Exit.DONE, resumed.stdout + resumed.stderr
    assert (site.ask(), set(answers)) == ("v2", {"v1", "v2"})


@pytest.mark.parametrize("moment", [2, 9, 11, 14])
def test_rollback_after_kill(site: Site, moment: int) -> None:
    """kill -9 of the controller, then `rollback` from another shell: no user notices, the old model serves alone."""
    plan = site.plan(LONG, more=GATES)
    site.bring_up(plan)
    with site.users() as answers:
        killed(site, plan, moment, answers)
        assert site.mlship("rollback", "scorer").returncode == Exit.DONE
        assert {site.ask() for _ in range(20)} == {"v1"}
    assert set(answers) <= {"v1", "v2"}
    assert site.processes("--name v2") == []


def test_killed_router(site: Site) -> None:
    """A router that is killed in the middle of a rollout is started again by the run, which goes on to its end."""
    plan = site.plan(QUICK.replace("hold: 1s", "hold: 6s"), more=GATES)
    deploy = site.start("deploy", plan, "--yes", "--output", "plain")
    with site.users():
        site.until_share("v2")
        site.kill("envoy")
        assert deploy.wait(90) == Exit.DONE, site.output.read_text()
    assert site.ask() == "v2"
