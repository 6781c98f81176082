"""Whole rollouts behind a Caddy that is somebody else's, by the command line, under traffic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlship.errors import Exit
from tests.support.balanced_cli import SLOW, mlship, plan, under_way, until_seen, until_split
from tests.support.balanced_load import Load
from tests.support.caddy_site import CaddySite, caddy_site
from tests.support.site import until

pytestmark = [pytest.mark.caddy, pytest.mark.load]


@pytest.fixture
def site() -> Iterator[CaddySite]:
    """Two models and a Caddy that sends everything to v1."""
    with caddy_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.service = "digits"
        opened.balance()
        until(lambda: opened.ask().status == 200)
        yield opened


def test_the_shipped_plan_ends_promoted(site: CaddySite) -> None:
    """Hardly a request fails; afterwards `down` lets go, and users are served on."""
    with Load(port=site.balancer.port) as load:
        ran = mlship(site, "deploy", plan(site), "--yes", "--output", "plain")
    doctor = mlship(site, "doctor", "digits")
    down = mlship(site, "down", "digits", "--yes")

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert len(load.failed) <= 4, load.failed  # one for each change of the split
    assert (doctor.returncode, "everything runs as recorded" in doctor.stdout) == (0, True), doctor.stdout
    assert down.returncode == 0
    assert site.ask().model == "v2"


def test_before_a_first_deploy_the_plan_alone_is_enough_for_doctor(site: CaddySite) -> None:
    """A sound balancer has nothing in the way; one that is away is told of, with what to do."""
    asked = plan(site)
    sound = mlship(site, "doctor", "--plan", asked)
    site.balancer.kill()
    away = mlship(site, "doctor", "--plan", asked)

    assert (sound.returncode, "nothing of driver caddy is in the way" in sound.stdout) == (0, True), sound.stdout
    assert away.returncode == Exit.UNEXPECTED
    assert "does not answer" in away.stdout
    assert "hint: start Caddy" in away.stdout


def test_a_candidate_that_errs_is_rolled_back(site: CaddySite) -> None:
    """By what Caddy's log says; afterwards everybody has the live model."""
    site.stop("v2")
    site.serve("v2", ERRORS="0.5")
    with Load(port=site.balancer.port):
        ran = mlship(site, "deploy", plan(site), "--yes", "--output", "plain")

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert site.balancer.weights == {"v1": 1}


def test_others_stop_a_rollout_and_no_rollback(site: CaddySite) -> None:
    """Somebody moves the traffic by hand: that is seen, the rollout holds, and `rollback` brings it back."""
    with under_way(site, "deploy", plan(site, stages=SLOW), "--yes", "--output", "plain"):
        until_split(site)
        site.balancer.set_by_hand(v2=1)
        until_seen(site)
        doctor = mlship(site, "doctor", "digits").stdout
        back = mlship(site, "rollback", "digits", "--reason", "night")

    assert "it has v2 100%, mlship has set v2 10%, v1 90%" in doctor
    assert back.returncode == Exit.DONE, back.stdout + back.stderr
    assert site.balancer.weights == {"v1": 1}


def test_rollback_with_a_dead_node_needs_a_human_until_it_is_back(site: CaddySite) -> None:
    """The node that answers is back at once; the command says that it is not done, and ends it when called again."""
    site.balance()
    mlship(site, "deploy", plan(site, stages=[SLOW[0] | {"weights": ["50%"]}]), "--yes", "--detach")
    until(lambda: site.balancers[1].weights == {"v1": 1, "v2": 1})
    site.balancers[0].kill()

    first = mlship(site, "rollback", "digits")
    weights = site.balancers[1].weights
    site.balancers[0].start()
    second = mlship(site, "rollback", "digits")

    assert first.returncode == Exit.ROLLBACK_INCOMPLETE, first.stdout + first.stderr
    assert "lb0/admin.sock does not answer" in first.stdout + first.stderr
    assert weights == {"v1": 1}
    assert second.returncode == Exit.DONE, second.stdout + second.stderr
    assert [each.weights for each in site.balancers] == [weights, weights]
