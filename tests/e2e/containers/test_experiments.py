"""A/B tests and bandits with containers, under users who do things afterwards."""

from __future__ import annotations

import json

import pytest

from mlship.clock import SystemClock
from mlship.demo.traffic import Load, Traffic
from tests.e2e.containers.place import DockerPlace
from tests.e2e.test_experiments import AB, BANDIT, BLUE_GREEN, MORE

pytestmark = pytest.mark.docker


def users(site: DockerPlace, **rewards: float) -> Load:
    """Users of whom a share, that of their model, is pleased and tells the router so."""
    return Load(
        address=f"127.0.0.1:{site.port}",
        bodies=(b"{}",),
        path="/predict",
        rate=80.0,
        connections=8,
        rewards=rewards,
        max_seconds=170.0,
    )


def told(site: DockerPlace, kind: str) -> list[dict[str, object]]:
    """The events of one kind."""
    lines = map(json.loads, site.mlship("show", site.service, "--json").stdout.splitlines())
    return [line for line in lines if line["type"] == kind]


@pytest.mark.parametrize("stage", [AB, BANDIT], ids=["ab", "bandit"])
def test_the_model_that_users_do_more_with_goes_live(site: DockerPlace, stage: str) -> None:
    """Outcomes come through the router's container; nobody fails, and the record decides the same again."""
    site.up()
    plan = site.plan_of(stage + BLUE_GREEN, more=MORE)
    with Traffic(users(site, v1=0.1, v2=0.25), clock=SystemClock()) as traffic:
        ran = site.mlship("deploy", plan, "--yes", "-o", "plain")
    sent = traffic.sent
    replayed = site.mlship("replay", site.service)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (site.told()["live"], site.ask()) == ("v2", "v2")
    assert (sent.ok > 200, sent.failed, sent.told > 20, sent.untold) == (True, 0, True, 0)
    assert bool(told(site, "reallocated")) == (stage is BANDIT)
    assert (replayed.returncode, "all come out the same" in replayed.stdout) == (0, True), replayed.stdout
    assert {container.labels["mlship.model"] for container in site.docker.containers("model")} == {"v2"}


def test_an_arm_that_pays_less_is_taken_back(site: DockerPlace) -> None:
    """Exit 3, and everybody is back with the live model."""
    site.up()
    with Traffic(users(site, v1=0.5, v2=0.05), clock=SystemClock()) as traffic:
        ran = site.mlship("deploy", site.plan_of(AB, more=MORE), "--yes", "-o", "plain")

    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert "proven worse: v2 " in str(site.told()["reason"])
    assert (traffic.sent.failed, site.ask()) == (0, "v1")
