"""What driver `docker` leaves on a daemon, and what it brings back from there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from mlship.drivers.docker.image import build
from mlship.errors import LeaseLost, ModelNotReady, UsageError
from mlship.plan.container import Build, Resources
from mlship.plan.model import Health
from mlship.plan.routing import Capture, all_to
from tests.support import images
from tests.support.docker_site import DockerSite, contained, daemon, docker_site
from tests.support.site import until

pytestmark = pytest.mark.docker


@pytest.fixture
def there(tmp_path: Path) -> Iterator[DockerSite]:
    """A service of the test's own."""
    with docker_site(tmp_path) as site:
        yield site


def test_only_the_router_is_published(there: DockerSite) -> None:
    """Everything is labelled, and no model can be reached from outside its network."""
    there.up(contained("v1"))
    roles = {found.labels["mlship.role"]: found for found in there.containers()}

    assert roles.keys() == {"router", "model"}
    assert roles["model"].labels["mlship.model"] == "v1"
    assert roles["model"].attrs["HostConfig"]["PortBindings"] in ({}, None)
    bindings = roles["router"].attrs["HostConfig"]["PortBindings"]
    assert bindings == {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(there.port)}]}
    for found in roles.values():
        assert found.attrs["HostConfig"]["RestartPolicy"]["Name"] == "always"
        assert [mount for mount in found.attrs["Mounts"] if mount["Type"] == "bind"] == []


def test_what_a_model_is_given(there: DockerSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment, secrets, limits, labels and user; the daemon's own records do not tell the secret."""
    monkeypatch.setenv("MODEL_TOKEN", "hunter2")
    model = contained(
        "v1",
        flavour="plain",
        secrets={"token": "${env:MODEL_TOKEN}"},
        labels={"team": "risk"},
        user="1000",
        resources=Resources(cpus=0.5, memory=256 * 1024**2),
    )
    there.up(model)
    (found,) = there.containers("model")
    limits = found.attrs["HostConfig"]

    assert found.exec_run("cat /run/secrets/token").output == b"hunter2"
    assert found.exec_run("id -u").output == b"1000\n"
    assert (limits["NanoCpus"], limits["Memory"]) == (500_000_000, 256 * 1024**2)
    assert {"FLAVOUR=plain", "PORT=8000", "MLSHIP_MODEL=v1"} <= set(found.attrs["Config"]["Env"])
    assert found.labels["team"] == "risk"
    assert "hunter2" not in json.dumps(found.attrs)


def test_answers_are_brought_here(there: DockerSite) -> None:
    """Kept answers and outcomes come from the router's container into local files, each line once."""
    driver = there.up(contained("v1"))
    driver.route(replace(all_to("v1"), capture=Capture()))
    for number in range(10):
        assert there.ask(x_request_id=f"r{number}").status == 200
    assert there.ask("/_mlship/feedback?request_id=r1&value=1").status == 204

    def lines(kind: str) -> list[str]:
        driver.rotate()
        files = driver.captures().glob(f"{kind}.*.jsonl")
        return [json.loads(line)["id"] for file in files for line in file.read_text().splitlines()]

    until(lambda: len(lines("predictions")) >= 10)

    assert sorted(lines("predictions")) == sorted(f"r{number}" for number in range(10))
    assert lines("feedback") == ["r1"]


def test_an_image_says_itself_whether_it_is_ready(there: DockerSite, tmp_path: Path) -> None:
    """HEALTHCHECK counts instead of a path; one that never passes is told."""
    recipe = f'FROM {images.SERVER}\nHEALTHCHECK --interval=1s --retries=1 CMD test -z "$NEVER_READY"\n'
    (tmp_path / "Dockerfile").write_text(recipe)
    digest = build(daemon(), Build(context=str(tmp_path)), tag=f"mlship-test/healthcheck:{there.service}")
    try:
        driver = there.up(contained("v1", image=digest, healthcheck=True))
        there.models["sick"] = contained(
            "sick", image=digest, healthcheck=True, never_ready=1, health=Health(within=3.0)
        )
        with pytest.raises(ModelNotReady, match="its HEALTHCHECK did not pass within 3 s"):
            driver.ensure("sick", 1)
    finally:
        there.clear()
        daemon().images.remove(digest, force=True)


def test_a_folder_that_cannot_be_built(there: DockerSite, tmp_path: Path) -> None:
    """The recipe's own complaint is told."""
    (tmp_path / "Dockerfile").write_text(f"FROM {images.SERVER}\nCOPY weights.bin /\n")
    with pytest.raises(UsageError, match=r"cannot be built.*weights\.bin"):
        build(daemon(), Build(context=str(tmp_path)), tag="mlship-test/broken:1")


def test_another_journal_does_not_get_the_service(there: DockerSite, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A state folder elsewhere that gives out the same number is refused, and told how to take the service over."""
    driver = there.up(contained("v1"), fence=3)
    other = replace_state(there, tmp_path_factory.mktemp("other"))
    for fence in (1, 3):
        with pytest.raises(LeaseLost) as lost:
            other.open(fence)
        assert "mlship adopt" in lost.value.hint
    driver.route(all_to("v1"))

    other.open(4)
    with pytest.raises(LeaseLost):
        driver.route(all_to("v1"))


def replace_state(site: DockerSite, state: Path) -> DockerSite:
    """The same service, worked on from another state folder."""
    return DockerSite(state=state, port=site.port, models=site.models, service=site.service)


def test_leftovers_are_named(there: DockerSite) -> None:
    """A replica that a crash left half-started is found; nothing is said of it while a run is at work."""
    driver = there.up(contained("v1"))
    assert list(driver.troubles(fence=1, held=False)) == []
    (found,) = there.containers("model")
    found.rename(f"{found.name}.starting")

    assert [trouble.hint for trouble in driver.troubles(fence=1, held=False)] == [f"docker rm -f {found.name}.starting"]
    assert list(driver.troubles(fence=1, held=True)) == []
