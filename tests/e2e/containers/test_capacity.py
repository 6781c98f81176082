"""Will both sets fit? Asked of the real daemon before anything is touched."""

from __future__ import annotations

import pytest

from tests.e2e.containers.place import DockerPlace
from tests.support.docker_site import daemon

pytestmark = pytest.mark.docker

SWITCH = "  - { strategy: blue-green, hold: 0s, bake: 0s, gates: [] }\n"


def test_both_sets_do_not_fit(site: DockerPlace) -> None:
    """The preview and `deploy` tell so; limits are no needs, so the rollout is carried out."""
    cores = daemon().info()["NCPU"]
    asked = {"resources": {"cpus": cores, "memory": "64MiB"}}
    site.up(**asked)
    plan = site.plan_of(SWITCH, v1=asked, v2=asked, more="guards: []\n")
    shown, ran = site.mlship("plan", plan), site.mlship("deploy", plan, "--yes", "-o", "plain")

    assert shown.returncode == 0, shown.stderr
    assert f"most: {2 * cores} CPUs and 128 MiB of memory in step 2 (1 of v1, 1 of v2)." in shown.stdout
    assert f"! does not fit: {2 * cores} CPUs in step 2" in shown.stdout
    assert f"the daemon has {cores} CPU" in shown.stdout
    assert f"warning: does not fit: {2 * cores} CPUs" in ran.stderr
    assert (ran.returncode, site.ask()) == (0, "v2"), ran.stdout + ran.stderr


def test_a_replica_that_never_fits(site: DockerPlace) -> None:
    """Exit 2, with the key that is to be changed; nothing is begun."""
    site.up()
    before = site.mlship("history", site.service).stdout
    ran = site.mlship("deploy", site.plan_of(SWITCH, v2={"resources": {"cpus": 4096}}), "--yes")

    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "one replica of v2 asks for 4096 CPUs, and the Docker daemon has" in ran.stderr
    assert "hint: lower models.v2.resources.cpus" in ran.stderr
    assert (site.ask(), site.mlship("history", site.service).stdout) == ("v1", before)


def test_a_preview_without_a_daemon(site: DockerPlace) -> None:
    """The steps are shown, and what is asked for; what there is nobody knows."""
    plan = site.plan_of(SWITCH, v2={"resources": {"memory": "2GiB"}})
    site.environment["DOCKER_HOST"] = "tcp://127.0.0.1:1"
    shown, valid = site.mlship("plan", plan), site.mlship("validate", plan)

    assert (shown.returncode, valid.returncode) == (0, 0), shown.stderr + valid.stderr
    assert "most: 2 GiB of memory in step 2 (1 of v1, 1 of v2)." in shown.stdout
    assert "What the Docker daemon has is unknown." in shown.stdout
    assert "Not counted: v1 has no limit of CPUs or memory; v2 has no limit of CPUs." in shown.stdout
