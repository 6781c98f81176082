"""Whole rollouts behind an nginx that is somebody else's, by the command line, under traffic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlship.errors import Exit
from tests.support.balanced_cli import SLOW, mlship, plan, under_way, until_seen, until_split
from tests.support.balanced_load import Load
from tests.support.nginx_site import LIVE, NginxSite, nginx_site
from tests.support.site import until

pytestmark = [pytest.mark.nginx, pytest.mark.load]


@pytest.fixture
def site() -> Iterator[NginxSite]:
    """Two models and an nginx that sends everything to v1."""
    with nginx_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.service = "digits"
        opened.balance()
        until(lambda: opened.ask().status == 200)
        yield opened


def test_the_shipped_plan_ends_promoted(site: NginxSite) -> None:
    """Of thousands of requests a few at most meet a connection that a reload ends; `down` lets go, and all goes on."""
    with Load(port=site.balancer.port) as load:
        ran = mlship(site, "deploy", plan(site), "--yes", "--output", "plain")
    doctor = mlship(site, "doctor", "digits")
    down = mlship(site, "down", "digits", "--yes")

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert len(load.failed) <= 3, load.failed
    assert (doctor.returncode, "everything runs as recorded" in doctor.stdout) == (0, True), doctor.stdout
    assert down.returncode == 0
    assert site.ask().model == "v2"


def test_a_candidate_that_errs_is_rolled_back(site: NginxSite) -> None:
    """By nginx's own log; afterwards everybody has the live model."""
    site.stop("v2")
    site.serve("v2", ERRORS="0.5")
    with Load(port=site.balancer.port):
        ran = mlship(site, "deploy", plan(site), "--yes", "--output", "plain")

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert site.balancer.entry == LIVE


def test_rollback_with_others_and_a_dead_node(site: NginxSite) -> None:
    """Somebody edits one node, another dies: the rollback is not complete until that one is back."""
    site.balance()
    with under_way(site, "deploy", plan(site, stages=SLOW), "--yes", "--output", "plain"):
        until_split(site)
        file = site.balancers[1].include
        file.write_text(file.read_text().replace("10.00%", "100.00%"))
        site.balancers[1].reload()
        until_seen(site)
        site.balancers[0].kill()
        first = mlship(site, "rollback", "digits")
        entry = site.balancers[1].entry
        site.balancers[0].start()
        second = mlship(site, "rollback", "digits")

    assert first.returncode == Exit.ROLLBACK_INCOMPLETE, first.stdout + first.stderr
    assert f"nginx 127.0.0.1:{site.balancers[0].port} does not run" in first.stdout + first.stderr
    assert second.returncode == Exit.DONE, second.stdout + second.stderr
    assert [each.entry for each in site.balancers] == [entry, entry] == [LIVE, LIVE]
