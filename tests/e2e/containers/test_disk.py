"""A daemon whose disk is full: users keep their answers, and it is told what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.containers.place import DockerPlace
from tests.support import images
from tests.support.own_daemon import OwnDaemon, own_daemon
from tests.support.registry import registry

pytestmark = pytest.mark.docker

CANARY = "  - { strategy: canary, weights: [50%], hold: 5s, gates: [] }\n"
HINT = "hint: free some space where the daemon keeps its data"


@pytest.fixture(scope="module")
def small() -> Iterator[OwnDaemon]:
    with own_daemon(space="1200m") as own:
        yield own


@pytest.fixture
def site(small: OwnDaemon, tmp_path: Path) -> Iterator[DockerPlace]:
    """A service on that daemon."""
    place = DockerPlace(tmp_path)
    place.environment |= small.environment
    try:
        yield place
    finally:
        small.free()
        place.mlship("down", place.service, "--yes")
        place.kill("")


def test_before_a_rollout(site: DockerPlace, small: OwnDaemon) -> None:
    """The candidate cannot be made: exit 6, and `resume` brings it live once there is space."""
    site.up()
    small.fill()
    with site.users() as answers:
        ran = site.mlship("deploy", site.plan_of(CANARY, more="guards: []\n"), "--yes", "-o", "plain")
    small.free()
    with site.users():
        again = site.mlship("resume", site.service)

    assert ran.returncode == 6, ran.stdout + ran.stderr
    assert "the Docker daemon could not start v2: " in ran.stderr
    assert "no space left on device" in ran.stderr
    assert HINT in ran.stderr
    assert set(answers) == {"v1"}
    assert (again.returncode, site.ask()) == (0, "v2"), again.stdout + again.stderr


def test_in_the_middle_of_a_canary(site: DockerPlace, small: OwnDaemon) -> None:
    """No routing can be written, not even that of a rollback: the one before stays, whole, until there is space."""
    site.up()
    run = site.start("deploy", site.plan_of(CANARY, more="guards: []\n"), "--yes", "-o", "plain")
    site.until_share("v2")
    small.fill()
    with site.users() as answers:
        assert run.wait(120) == 6, site.output.read_text()
        stuck = site.mlship("rollback", site.service)
    small.free()
    back = site.mlship("rollback", site.service)
    said = site.output.read_text()

    assert "the router's container could not do its part: " in said
    assert "No space left on device" in said
    assert HINT in said
    assert set(answers) == {"v1", "v2"}
    assert (stuck.returncode, HINT in stuck.stderr) == (7, True), stuck.stderr
    assert (back.returncode, site.ask()) == (0, "v1"), back.stdout + back.stderr


def test_an_image_that_cannot_be_built(site: DockerPlace) -> None:
    """It is the daemon's fault, not the plan's; what the command said is told."""
    recipe = f"FROM {images.SERVER}\nRUN head -c 2G /dev/zero > /srv/weights.bin\n"
    (site.folder / "Dockerfile").write_text(recipe)
    site.up()
    ran = site.mlship("deploy", site.plan_of(CANARY, v2={"build": str(site.folder)}), "--yes")

    assert ran.returncode == 6, ran.stdout + ran.stderr
    assert "cannot be built: " in ran.stderr
    assert "No space left on device" in ran.stderr
    assert HINT in ran.stderr
    assert site.ask() == "v1"


def test_an_image_that_cannot_be_pulled(site: DockerPlace) -> None:
    """The registry is not blamed for it; nothing has begun."""
    site.up()
    with registry(2 * 1024**3) as image:
        ran = site.mlship("deploy", site.plan_of(CANARY, v2={"image": image}), "--yes")

    assert ran.returncode == 6, ran.stdout + ran.stderr
    assert f"the image {image} cannot be pulled: " in ran.stderr
    assert "no space left on device" in ran.stderr
    assert HINT in ran.stderr
    assert site.ask() == "v1"
