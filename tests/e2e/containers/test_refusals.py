"""What cannot be done is told in one line, with a hint and the right exit code; what is live is not touched."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.e2e.containers.place import DockerPlace

pytestmark = pytest.mark.docker

SWITCH = "  - { strategy: blue-green, hold: 0s, bake: 0s }\n"


def test_an_image_that_does_not_exist(site: DockerPlace) -> None:
    """It is looked for before anything begins."""
    site.up()
    ran = site.mlship("deploy", site.plan_of(SWITCH, v2={"image": "mlship-test/no-such:1"}), "--yes")

    assert ran.returncode in {2, 6}
    assert "mlship-test/no-such:1" in ran.stderr
    assert "hint:" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert site.ask() == "v1"


def test_a_port_that_is_taken(site: DockerPlace) -> None:
    """The router says which."""
    with socket.create_server(("127.0.0.1", site.port)):
        ran = site.mlship("deploy", site.plan_of(""), "--yes", "-o", "plain")

    assert ran.returncode == 6
    assert f"cannot listen on 127.0.0.1:{site.port}: it is taken" in ran.stderr
    assert site.docker.containers("router") == []


def test_a_model_that_dies_at_its_start(site: DockerPlace) -> None:
    """Its last lines are shown, nothing of it is left, and the rollout is over."""
    site.up()
    ran = site.mlship("deploy", site.plan_of(SWITCH, v2={"env": {"DIE_AT_START": "1"}}), "--yes", "-o", "plain")

    assert ran.returncode == 3
    assert "weights not found" in ran.stdout + ran.stderr
    assert {container.labels["mlship.model"] for container in site.docker.containers("model")} == {"v1"}
    assert site.ask() == "v1"


def test_a_model_that_needs_too_much(site: DockerPlace) -> None:
    """A replica that is killed for want of memory is told to be."""
    hungry = {"command": ["python3", "-c", "x = bytearray(300_000_000)"], "resources": {"memory": "32MiB"}}
    site.up()
    ran = site.mlship("deploy", site.plan_of(SWITCH, v2=hungry), "--yes", "-o", "plain")

    assert "killed for want of memory" in ran.stdout + ran.stderr
    assert site.ask() == "v1"


@pytest.mark.parametrize(
    ("host", "why"),
    [("unix:///nonexistent/docker.sock", "No such file"), ("tcp://127.0.0.1:1", "Connection refused")],
    ids=["no socket", "nobody listens"],
)
def test_no_daemon(site: DockerPlace, host: str, why: str) -> None:
    """Where none answers nothing is begun."""
    site.environment["DOCKER_HOST"] = host
    ran = site.mlship("deploy", site.plan_of(""), "--yes")

    assert ran.returncode == 6
    assert f"the Docker daemon cannot be reached: {why}" in ran.stderr
    assert "hint:" in ran.stderr


def test_a_socket_that_is_not_ours(site: DockerPlace, tmp_path: Path) -> None:
    """A user who may not talk to the daemon is told how to become one who may."""
    if os.geteuid():
        pytest.skip("only root can become somebody else")
    locked = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(locked))
        listening.listen()
        locked.chmod(0o600)
        script = (
            "import os, docker, docker.errors, requests.exceptions\n"
            "from mlship.drivers.docker.daemon import connect\n"
            "from mlship.errors import OutOfReach\n"
            "os.setgroups([]); os.setuid(65534)\n"
            "try: connect({})\n"
            "except OutOfReach as error: print(error.message, '|', error.hint)\n"
        )
        said = site.python(script, DOCKER_HOST=f"unix://{locked}")

    assert "the Docker daemon cannot be reached: Permission denied | add the user to the group `docker`" in said


def test_a_tag_that_moves(site: DockerPlace) -> None:
    """A rollout keeps to what its images were when it began; a plan whose tag means another image now is refused."""
    from tests.support.docker_site import daemon

    tag = f"mlship-test/moving:{site.service}"
    daemon().images.get("mlship-test/model-server:1").tag(tag)
    try:
        site.up(image=tag)
        daemon().images.get("mlship-test/base:1").tag(tag)
        ran = site.mlship("deploy", site.plan_of(SWITCH, v1={"image": tag}), "--yes")
    finally:
        daemon().images.remove(tag)

    assert ran.returncode == 2
    assert "v1 is live, but with another digest than the plan's" in ran.stderr
    assert site.ask() == "v1"
