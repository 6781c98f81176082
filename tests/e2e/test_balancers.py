"""Whole rollouts behind an HAProxy that is somebody else's, by the command line, under traffic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlship.errors import Exit
from tests.support.balanced_cli import SLOW, mlship, plan, under_way, until_seen, until_split
from tests.support.balanced_load import Load
from tests.support.haproxy_site import HaproxySite, haproxy_site
from tests.support.site import until

pytestmark = [pytest.mark.haproxy, pytest.mark.load]


@pytest.fixture
def site() -> Iterator[HaproxySite]:
    """Two models and an HAProxy whose map already says that v1 serves."""
    with haproxy_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.service = "digits"
        opened.balance()
        until(lambda: opened.ask().status == 200)
        yield opened


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
    assert site.ask().model == "v2"


def test_before_a_first_deploy_the_plan_alone_is_enough_for_doctor(site: HaproxySite) -> None:
    """A sound balancer has nothing in the way; one that is away is told of, with what to do. Nothing is changed."""
    asked = plan(site)
    before = site.balancer.entry
    sound = mlship(site, "doctor", "--plan", asked)
    after = site.balancer.entry
    site.balancer.kill()
    away = mlship(site, "doctor", "--plan", asked)

    assert (sound.returncode, "nothing of driver haproxy is in the way" in sound.stdout) == (0, True), sound.stdout
    assert before == after
    assert away.returncode == Exit.UNEXPECTED
    assert "does not answer" in away.stdout
    assert "hint: start HAProxy" in away.stdout


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
    with under_way(site, "deploy", plan(site, stages=SLOW), "--yes", "--output", "plain"):
        until_split(site)
        site.balancer.api.ask(f"set map {site.balancer.map} digits any:v2:10000")
        until_seen(site)
        doctor = mlship(site, "doctor", "digits").stdout
        back = mlship(site, "rollback", "digits", "--reason", "night")

    assert "it has v2 100%, mlship has set v2 10%, v1 90%" in doctor
    assert back.returncode == Exit.DONE, back.stdout + back.stderr
    assert site.balancer.entry == "any:v1:10000"


def test_rollback_with_a_dead_node_needs_a_human_until_it_is_back(site: HaproxySite) -> None:
    """The node that answers is back at once; the command says that it is not done, and ends it when called again."""
    site.balance()
    mlship(site, "deploy", plan(site, stages=[SLOW[0] | {"weights": ["50%"]}]), "--yes", "--detach")
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
