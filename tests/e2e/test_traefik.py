"""Whole rollouts behind a Traefik that is somebody else's, by the command line, under traffic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlship.errors import Exit
from tests.support.balanced_cli import SLOW, mlship, plan, under_way, until_seen, until_split
from tests.support.balanced_load import Load
from tests.support.site import until
from tests.support.traefik_site import LIVE, TraefikSite, traefik_site

pytestmark = [pytest.mark.traefik, pytest.mark.load]


COPIES_FIRST = [
    {
        "strategy": "shadow", "mirror": {"v2": "50%"}, "hold": "1s", "requests": 20, "at-most": "30s",
        "gates": [{"metric": "error_rate", "max": "5%"}],
    },
    {"strategy": "canary", "weights": ["10%", "50%"], "hold": "1s", "gates": ["no-more-errors"]},
]  # fmt: skip


@pytest.fixture
def site() -> Iterator[TraefikSite]:
    """Two models, and a Traefik that was told to send everything to v1."""
    with traefik_site() as opened:
        opened.service = "digits"
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance()
        driver = opened.up("v1")
        driver.shutdown()
        until(lambda: opened.ask().status == 200)
        yield opened


def test_the_shipped_plan_ends_promoted(site: TraefikSite) -> None:
    """Copies first, then users; no request fails. Afterwards `down` lets go, and users are served on."""
    with Load(port=site.balancer.port) as load:
        ran = mlship(site, "deploy", plan(site, stages=COPIES_FIRST), "--yes", "--output", "plain")
    doctor = mlship(site, "doctor", "digits")
    down = mlship(site, "down", "digits", "--yes")

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert load.failed == []
    assert (doctor.returncode, "everything runs as recorded" in doctor.stdout) == (0, True), doctor.stdout
    assert down.returncode == 0
    assert site.ask().model == "v2"


def test_a_candidate_that_errs_is_rolled_back(site: TraefikSite) -> None:
    """By Traefik's own counters; afterwards everybody has the live model."""
    site.stop("v2")
    site.serve("v2", ERRORS="0.5")
    with Load(port=site.balancer.port):
        ran = mlship(site, "deploy", plan(site), "--yes", "--output", "plain")

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert site.balancer.entry == LIVE


def test_rollback_with_others_and_a_dead_node(site: TraefikSite) -> None:
    """Somebody edits one node, another dies: the rollback is not complete until that one is back."""
    site.balance()
    with under_way(site, "deploy", plan(site, stages=SLOW), "--yes", "--output", "plain"):
        until_split(site)
        file = site.balancers[1].file
        file.write_text(file.read_text().replace('"weight": 1000', '"weight": 10000').replace("9000", "0"))
        until_seen(site)
        site.balancers[0].kill()
        first = mlship(site, "rollback", "digits")
        entry = site.balancers[1].entry
        site.balancers[0].start()
        second = mlship(site, "rollback", "digits")

    assert first.returncode == Exit.ROLLBACK_INCOMPLETE, first.stdout + first.stderr
    assert f"Traefik 127.0.0.1:{site.balancers[0].admin} does not answer" in first.stdout + first.stderr
    assert second.returncode == Exit.DONE, second.stdout + second.stderr
    assert [each.entry for each in site.balancers] == [entry, entry] == [LIVE, LIVE]
