"""What goes wrong on a daemon: users keep their answers, and the next command finds everything again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.containers.place import DockerPlace
from tests.support.docker_site import daemon

pytestmark = pytest.mark.docker

CANARY = "  - { strategy: canary, weights: [50%], hold: 30s, gates: [] }\n"
BRIEF = "  - { strategy: canary, weights: [50%], hold: 3s, gates: [] }\n"
NO_GUARDS = "guards: []\n"


def start(site: DockerPlace, stages: str, **models: Any) -> subprocess.Popen[str]:
    """A rollout under way whose candidate has a share."""
    site.up(**models.get("v1", {}))
    run = site.start("deploy", site.plan_of(stages, more=NO_GUARDS, **models), "--yes", "-o", "plain")
    site.until_share("v2")
    return run


def kill(site: DockerPlace, name: str) -> None:
    """`docker kill` of one of the service's containers."""
    daemon().containers.get(f"mlship.{site.service}.{name}").kill()


@contextmanager
def killed(site: DockerPlace, name: str) -> Iterator[None]:
    """A replica is killed amid users; those who come afterwards, until the end of the block, all get answers.

    What it had in hand, of each user one request at most, gets 503: it may have run, and is not sent again.
    """
    with site.users() as answers:
        kill(site, name)
        with site.users() as later:
            yield
    assert set(later) <= {"v1", "v2"}, later
    assert set(answers) <= {"v1", "v2", "503"}, answers
    assert answers["503"] <= site.threads, answers


def test_the_candidate_is_killed(site: DockerPlace) -> None:
    """It is rolled back, and no user notices whose request it did not have in hand."""
    run = start(site, CANARY)
    with killed(site, "v2.1"):
        assert run.wait(60) == 3, site.output.read_text()

    assert "replicas of v2 died" in site.output.read_text()
    assert {site.ask() for _ in range(20)} == {"v1"}


def test_a_candidate_that_starts_again_and_again(site: DockerPlace) -> None:
    """That the daemon starts it anew does not make it sound."""
    run = start(site, CANARY, v2={"env": {"DIE_AFTER": "3"}})
    with site.users():
        assert run.wait(60) == 3, site.output.read_text()

    assert "v2 died" in site.output.read_text() or "of v2 died" in site.output.read_text()


def test_a_replica_of_the_live_model_is_killed(site: DockerPlace) -> None:
    """Another one takes its place, and the rollout goes on."""
    run = start(site, "  - { strategy: canary, weights: [50%], hold: 12s, gates: [] }\n", v1={"replicas": 2})
    with killed(site, "v1.2"):
        assert run.wait(90) == 0, site.output.read_text()

    assert "v1 had died and serves again" in site.output.read_text()


def test_the_router_is_killed(site: DockerPlace) -> None:
    """It comes back with its last routing, and the rollout goes on."""
    run = start(site, "  - { strategy: canary, weights: [50%], hold: 12s, gates: [] }\n")
    kill(site, "router")
    with site.users():
        site.until(lambda: site.ask() in {"v1", "v2"})
        shares = {site.ask() for _ in range(40)}
        assert run.wait(90) == 0, site.output.read_text()

    assert shares == {"v1", "v2"}


MOMENTS = ("rollout started", "bringing 1 of v2", "v2 is ready", "routing v2 50", "look 1")


@pytest.mark.parametrize("line", MOMENTS)
def test_the_command_is_killed(site: DockerPlace, line: str) -> None:
    """At five moments: the live traffic goes on, and `resume` finishes the work."""
    site.up()
    with site.users() as answers:
        run = site.start("deploy", site.plan_of(BRIEF, more=NO_GUARDS), "--yes", "-o", "plain")
        site.until(
            lambda: (
                line in site.output.read_text() or run.poll() is not None or (line == "all acts" and "v2" in answers)
            )
        )
        run.kill()
        run.wait()
        ran = site.mlship("resume", site.service, "-o", "plain")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert set(answers) <= {"v1", "v2"}
    assert {site.ask() for _ in range(20)} == {"v2"}
    assert len(site.docker.containers("model")) == 1


def test_a_lost_state_folder(site: DockerPlace) -> None:
    """Another machine takes the service over from what is on the daemon, and the run that it replaced stops."""
    run = start(site, CANARY)
    site.environment["MLSHIP_STATE"] = str(site.folder / "elsewhere")
    adopted = site.mlship("adopt", site.service)
    back = site.mlship("rollback", site.service)
    down = site.mlship("down", site.service, "--yes")

    assert (adopted.returncode, back.returncode, down.returncode) == (0, 0, 0), adopted.stderr + back.stderr
    assert run.wait(60) == 5, site.output.read_text()
    assert site.docker.containers() == []


def test_two_services(site: DockerPlace, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is done to one does not touch the other."""
    site.up()
    other = DockerPlace(tmp_path_factory.mktemp("other"))
    try:
        other.up()
        with site.users() as answers:
            assert other.mlship("down", other.service, "--yes").returncode == 0
        assert other.docker.containers() == []
    finally:
        other.clear()

    assert set(answers) == {"v1"}
