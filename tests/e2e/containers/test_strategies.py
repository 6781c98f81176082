"""Each strategy once, under load."""

from __future__ import annotations

import pytest

from tests.e2e.containers.place import DockerPlace

pytestmark = pytest.mark.docker

STAGES = {
    "shadow": "  - { strategy: shadow, mirror: { v2: 100% }, hold: 2s, gates: [] }\n"
    "  - { strategy: blue-green, hold: 0s, bake: 0s }\n",
    "feature-flag": "  - { strategy: feature-flag, rules: [{ percentage: 50% }], hold: 1s, gates: [] }\n",
    "canary": "  - { strategy: canary, weights: [10%, 50%], hold: 1s, gates: [] }\n",
    "blue-green": "  - { strategy: blue-green, hold: 1s, bake: 1s }\n",
    "rolling": "  - { strategy: rolling, batch: 1, surge: 1, hold: 0s, gates: [] }\n",
}


@pytest.mark.parametrize("strategy", STAGES)
def test_no_request_fails(site: DockerPlace, strategy: str) -> None:
    """From the old model to the new one every user has an answer."""
    two = {"replicas": 2} if strategy == "rolling" else {}
    plan = site.plan_of(STAGES[strategy], more="guards: []\n", v1=two, v2=two)
    site.up(**two)
    with site.users() as answers:
        ran = site.mlship("deploy", plan, "--yes", "-o", "plain")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert answers["v1"]
    assert answers["v2"]
    assert set(answers) == {"v1", "v2"}
    assert {container.labels["mlship.model"] for container in site.docker.containers("model")} == {"v2"}


def test_the_downtime_of_recreate_is_announced(site: DockerPlace) -> None:
    """Users get 503 while nothing serves, and never an answer that is broken."""
    site.up()
    plan = site.plan_of("  - { strategy: recreate, bake: 0s }\n", more="guards: []\n")
    with site.users() as answers:
        ran = site.mlship("deploy", plan, "--yes", "-o", "plain")

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert set(answers) == {"v1", "503", "v2"}
    assert "downtime" in ran.stdout
