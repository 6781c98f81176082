"""A daemon that is reached over TLS, and that may be restarted."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.e2e.containers.place import DockerPlace
from tests.support.own_daemon import OwnDaemon, own_daemon

pytestmark = pytest.mark.docker

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


@pytest.mark.parametrize("how", ["the plan", "DOCKER_CONTEXT", "docker context use"])
def test_a_docker_context(far: DockerPlace, remote: OwnDaemon, how: str) -> None:
    """Whoever names the context, everything of the service is on its daemon, and nothing on the one at hand."""
    docker = make_context(far, remote)
    match how:
        case "the plan":
            far.settings["context"] = "far"
        case "DOCKER_CONTEXT":
            far.environment["DOCKER_CONTEXT"] = "far"
        case _:
            docker("context", "use", "far")
    far.up()

    assert far.ask() == "v1"
    assert lives(remote, far.service).keys() == {f"mlship.{far.service}.router", f"mlship.{far.service}.v1.1"}
    assert far.docker.containers() == []
    assert far.mlship("down", far.service, "--yes").returncode == 0
    assert lives(remote, far.service) == {}


def test_a_context_that_does_not_exist(far: DockerPlace, remote: OwnDaemon) -> None:
    """It is refused: what is meant for one daemon does not end up on another."""
    make_context(far, remote)
    far.settings["context"] = "fra"
    ran = far.mlship("deploy", far.plan_of(""), "--yes", "-o", "plain")

    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "there is no Docker context named 'fra'" in ran.stderr
    assert "hint: docker context ls" in ran.stderr
    assert far.docker.containers() == []


def make_context(far: DockerPlace, remote: OwnDaemon) -> Callable[..., None]:
    """A context `far` in a configuration of the service's own, which is all that leads there; runs `docker` with it."""
    for name in remote.environment:
        far.environment.pop(name)
    far.environment["DOCKER_CONFIG"] = str(far.folder / "docker")

    def docker(*words: str) -> None:
        subprocess.run(["docker", *words], env=far.environment, check=True, capture_output=True)

    files = {"ca": "ca.pem", "cert": "cert.pem", "key": "key.pem"}
    tls = ",".join(f"{kind}={remote.certificates / name}" for kind, name in files.items())
    docker("context", "create", "far", "--docker", f"host={remote.environment['DOCKER_HOST']},{tls}")
    return docker


def test_the_daemon_restarts(far: DockerPlace, remote: OwnDaemon) -> None:
    """In the middle of a canary: once all containers are back, so is the routing; the rollout goes on to its end."""
    far.up()
    run = far.start("deploy", far.plan_of(SLOW, more="guards: []\n"), "--yes", "-o", "plain")
    far.until_share("v2")
    remote.stop()
    remote.start()
    with far.users():
        far.until(lambda: {far.ask() for _ in range(20)} == {"v1", "v2"})
        shares = {far.ask() for _ in range(40)}
        assert run.wait(120) == 0, far.output.read_text()

    assert shares == {"v1", "v2"}
    assert {far.ask() for _ in range(20)} == {"v2"}


@pytest.mark.parametrize("option", ["--live-restore=false", "--live-restore=true"])
def test_the_daemon_is_killed(far: DockerPlace, remote: OwnDaemon, option: str) -> None:
    """SIGKILL in the middle of a canary: containers live on, and so does the rollout once there is a daemon again.

    What publishes the router's port may die with the daemon, so users are asked for at the router's own address. A
    daemon without `live-restore` ends what it finds alive when it starts; all of it comes back with its last routing.
    """
    with options(remote, option):
        far.up()
        run = far.start("deploy", far.plan_of(SLOW, more="guards: []\n"), "--yes", "-o", "plain")
        far.until_share("v2")
        before, address = lives(remote, far.service), address_of(remote, far.service)
        remote.kill()
        try:
            meanwhile = {model_at(address) for _ in range(40)}
        finally:
            remote.start()
        after = lives(remote, far.service)
        with far.users():
            far.until(lambda: {far.ask() for _ in range(20)} == {"v1", "v2"})
            shares = {far.ask() for _ in range(40)}
            code = run.wait(120)
        last = {far.ask() for _ in range(20)}
        far.mlship("down", far.service, "--yes")

    assert meanwhile == {"v1", "v2"}
    assert (after == before) == option.endswith("true")
    assert (code, shares, last) == (0, {"v1", "v2"}, {"v2"}), far.output.read_text()


@contextmanager
def options(remote: OwnDaemon, *words: str) -> Iterator[None]:
    """The daemon with more options, for a while."""
    try:
        remote.stop()
        remote.options = words
        remote.start()
        yield
    finally:
        remote.stop()
        remote.options = ()
        remote.start()


def lives(remote: OwnDaemon, service: str) -> dict[str, int]:
    """Each container of the service, and its process."""
    client = remote.client()
    found = client.containers.list(filters={"label": f"mlship.service={service}"})
    told = {each.name: int(each.attrs["State"]["Pid"]) for each in found}
    client.close()
    return told


def model_at(address: str) -> str:
    """Which model answers one request, past the port that is published."""
    with urlopen(f"http://{address}:8080/predict", timeout=10) as answer:
        return str(json.load(answer)["model"])


def address_of(remote: OwnDaemon, service: str) -> str:
    """The router's, in its network."""
    client = remote.client()
    labels = client.containers.get(f"mlship.{service}.router").labels
    client.close()
    return str(labels["mlship.address"])


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
