"""A daemon behind ssh: `DOCKER_HOST=ssh://...`, or a Docker context that says so."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from mlship.drivers.docker.ssh import command_of
from tests.e2e.containers.place import DockerPlace
from tests.support.ssh import sshd

pytestmark = pytest.mark.docker

CANARY = "  - { strategy: canary, weights: [20%], hold: 1s, gates: [] }\n"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, dict[str, str]]]:
    with sshd() as there:
        yield there


@pytest.fixture
def far(site: DockerPlace, server: tuple[str, dict[str, str]]) -> DockerPlace:
    """The service, worked on over ssh."""
    url, environment = server
    site.environment |= {**environment, "DOCKER_HOST": url}
    return site


def test_a_rollout_over_ssh(far: DockerPlace) -> None:
    """A rollout under load and the way back, without a failed request and without a connection that stays."""
    far.up()
    plan = far.plan_of(CANARY, more="keep-old: true\n")
    with far.users() as answers:
        ran = far.mlship("deploy", plan, "--yes", "-o", "plain")
        back = far.mlship("rollback", far.service)

    assert (ran.returncode, back.returncode) == (0, 0), ran.stdout + ran.stderr + back.stderr
    assert (set(answers), far.ask()) == ({"v1", "v2"}, "v1")
    far.until(lambda: not far.processes("dial-stdio"))


def test_a_context_over_ssh(far: DockerPlace) -> None:
    """As with `docker --context`."""
    url = far.environment.pop("DOCKER_HOST")
    far.environment["DOCKER_CONFIG"] = str(far.folder / "docker")
    words = ["docker", "context", "create", "far", "--docker", f"host={url}"]
    subprocess.run(words, env=far.environment, check=True, capture_output=True)
    far.settings["context"] = "far"
    far.up()

    assert far.ask() == "v1"
    assert far.mlship("down", far.service, "--yes").returncode == 0


def test_nobody_may_log_in(far: DockerPlace) -> None:
    """What ssh says is told, and the command to try."""
    far.environment["DOCKER_HOST"] = far.environment["DOCKER_HOST"].replace("root@", "nobody@")
    ran = far.mlship("deploy", far.plan_of(""), "--yes")

    assert ran.returncode == 6
    assert "the Docker daemon cannot be reached: nobody@127.0.0.1: Permission denied" in ran.stderr
    assert "hint: see that this works: ssh " in ran.stderr


def test_how_a_daemon_is_reached() -> None:
    """User, port and socket are those of the address; what it holds never counts as an option."""
    plain, whole = command_of("ssh://Models"), command_of("ssh://deploy@models:2222/run/user/1000/docker.sock")

    assert plain[-5:] == ["--", "Models", "docker", "system", "dial-stdio"]
    assert whole[5:] == [
        "-l", "deploy", "-p", "2222", "--", "models",
        "docker", "--host", "unix:///run/user/1000/docker.sock", "system", "dial-stdio",
    ]  # fmt: skip
