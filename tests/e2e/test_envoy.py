"""What only an Envoy that is somebody else's does in whole rollouts: copies, and a restart that forgets the split."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlship.errors import Exit
from tests.e2e.balanced import COPIES
from tests.support.balanced_cli import SLOW, mlship, plan, under_way, until_seen, until_split
from tests.support.balanced_load import Load
from tests.support.envoy_site import EnvoySite, envoy_site
from tests.support.site import until

pytestmark = [pytest.mark.envoy, pytest.mark.load]


@pytest.fixture
def site() -> Iterator[EnvoySite]:
    """Two models and an Envoy that sends everything to v1."""
    with envoy_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.service = "digits"
        opened.balance()
        until(lambda: opened.ask().status == 200)
        yield opened


def test_a_candidate_that_errs_on_copies_is_met_by_no_user(site: EnvoySite) -> None:
    """By Envoy's own counters; users only ever saw the live model."""
    site.stop("v2")
    site.serve("v2", ERRORS="0.5")
    with Load(port=site.balancer.port) as load:
        ran = mlship(site, "deploy", plan(site, stages=[COPIES]), "--yes", "--output", "plain")

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert set(load.answered) == {"v1"}
    assert load.failed == []


def test_a_restart_holds_a_rollout_until_it_is_repaired(site: EnvoySite) -> None:
    """Envoy forgets the split: that is seen, the rollout holds, and `rollback` ends it."""
    with under_way(site, "deploy", plan(site, stages=SLOW), "--yes", "--output", "plain"):
        until_split(site)
        site.balancer.kill()
        site.balancer.start()
        until_seen(site)
        doctor = mlship(site, "doctor", "digits").stdout
        back = mlship(site, "rollback", "digits", "--reason", "night")

    assert "it has v1 100%, mlship has set v2 10%, v1 90%" in doctor
    assert back.returncode == Exit.DONE, back.stdout + back.stderr
    assert site.balancer.weights == {"v1": 10_000}
    assert "everything runs as recorded" in mlship(site, "doctor", "digits").stdout
