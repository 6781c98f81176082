"""A daemon that is reached over TLS, and that may be restarted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.containers.place import DockerPlace
from tests.support.own_daemon import OwnDaemon, own_daemon

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("own-daemon")]

SLOW = "  - { strategy: canary, weights: [50%], hold: 20s, gates: [] }\n"


@pytest.fixture(scope="module")
def remote() -> Iterator[OwnDaemon]:
    with own_daemon() as own:
        yield own


@pytest.fixture
def far(remote: OwnDaemon, tmp_path: Path) -> Iterator[DockerPlace]:
    """A service on that daemon."""
    place = DockerPlace(tmp_path)
    place.environment |= remote.environment
    try:
        yield place
    finally:
        place.mlship("down", place.service, "--yes")
        place.kill("")


def test_a_rollout_over_tls(far: DockerPlace) -> None:
    """Nothing of this machine's disk is needed over there: a rollout, and the way back, work as here."""
    far.up()
    plan = far.plan_of("  - { strategy: canary, weights: [20%], hold: 1s, gates: [] }\n", more="keep-old: true\n")
    with far.users() as answers:
        ran = far.mlship("deploy", plan, "--yes", "-o", "plain")
        back = far.mlship("rollback", far.service)

    assert (ran.returncode, back.returncode) == (0, 0), ran.stdout + ran.stderr + back.stderr
    assert set(answers) == {"v1", "v2"}
    assert far.ask() == "v1"


def test_the_daemon_restarts(far: DockerPlace, remote: OwnDaemon) -> None:
    """In the middle of a canary: the routing comes back with the daemon, and the rollout goes on to its end."""
    far.up()
    run = far.start("deploy", far.plan_of(SLOW, more="guards: []\n"), "--yes", "-o", "plain")
    far.until_share("v2")
    remote.stop()
    remote.start()
    with far.users():
        far.until(lambda: far.ask() in {"v1", "v2"})
        shares = {far.ask() for _ in range(40)}
        assert run.wait(120) == 0, far.output.read_text()

    assert shares == {"v1", "v2"}
    assert {far.ask() for _ in range(20)} == {"v2"}


def test_a_daemon_that_is_away(far: DockerPlace, remote: OwnDaemon) -> None:
    """It is told which, and what to do; users are where they were when it is back."""
    far.up()
    remote.stop()
    try:
        ran = far.mlship("deploy", far.plan_of(SLOW), "--yes", "-o", "plain")
        back = far.mlship("rollback", far.service)
    finally:
        remote.start()

    assert (ran.returncode, back.returncode) == (6, 7)
    assert "the Docker daemon cannot be reached: Connection refused" in ran.stderr
    assert "hint:" in ran.stderr
    far.until(lambda: far.ask() == "v1")
