"""Whole rollouts behind balancers that are asked by the shipped templates, by the command line, under traffic."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlship.errors import Exit
from tests.support.balanced_cli import mlship
from tests.support.balanced_load import Load
from tests.support.rest_site import SHIPPED, ApacheSite, NghttpxSite, RestSite, apache_site, nghttpx_site
from tests.support.site import until

pytestmark = pytest.mark.load

HALF = [{"strategy": "canary", "weights": ["50%"], "hold": "5m", "gates": ["few-errors"]}]


@pytest.fixture
def apache() -> Iterator[ApacheSite]:
    """Two models behind Apache."""
    with apache_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance()
        yield opened


@pytest.fixture
def nghttpx() -> Iterator[NghttpxSite]:
    """Two models behind two nghttpx."""
    with nghttpx_site() as opened:
        for name in ("v1", "v2"):
            opened.serve(name)
        opened.balance(2)
        yield opened


def plan(site: RestSite[Any], **more: object) -> Path:
    """The shipped plan on this site, with shorter waits."""
    shipped = yaml.safe_load((SHIPPED / f"rest-{site.plan}.yaml").read_text("utf-8"))
    servers = [f"{name}={address}" for name, address in site.addresses.items()]
    log = site.balancer.folder / "access.log"
    run = [sys.executable, str(SHIPPED / "errors.py"), str(log), *servers]
    overlay = {
        **shipped,
        "driver": {"rest": site.told()},
        "models": {name: {"servers": [address]} for name, address in site.addresses.items()},
        "metrics": {"errors": {"command": {"run": run}}},
        "stages": [stage | {"hold": "1s", "weights": ["10%", "50%"]} for stage in shipped["stages"]],
        "look-every": "300ms",
        "bake": "500ms",
        **more,
    }
    file = site.folder / "plan.yaml"
    file.write_text(json.dumps(overlay), "utf-8")
    return file


@pytest.fixture(params=[pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("apache", "nghttpx")])
def site(request: pytest.FixtureRequest) -> RestSite[Any]:
    """Each of them."""
    opened: RestSite[Any] = request.getfixturevalue(request.param)
    return opened


def test_the_shipped_plan_ends_promoted(site: RestSite[Any]) -> None:
    """No request fails; afterwards `down` lets go, and users are served on."""
    with Load(port=site.balancer.port) as load:
        ran = mlship(site, "deploy", plan(site), "--yes", "--output", "plain")
    doctor = mlship(site, "doctor", "digits")
    down = mlship(site, "down", "digits", "--yes")

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert load.failed == []
    assert (doctor.returncode, "everything runs as recorded" in doctor.stdout) == (0, True), doctor.stdout
    assert down.returncode == 0
    assert site.ask().model == "v2"


@pytest.mark.apache
def test_a_candidate_that_errs_is_rolled_back(apache: ApacheSite) -> None:
    """By the plan's own numbers, out of the access log; afterwards everybody has the live model."""
    apache.stop("v2")
    apache.serve("v2", ERRORS="0.5")
    with Load(port=apache.balancer.port):
        ran = mlship(apache, "deploy", plan(apache), "--yes", "--output", "plain")

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert apache.shares(50) == {"v1": 50}


@pytest.mark.nghttpx
def test_rollback_with_a_dead_node_needs_a_human_until_it_is_back(nghttpx: NghttpxSite) -> None:
    """The node that answers is back at once; the command says that it is not done, and ends it when called again."""
    mlship(nghttpx, "deploy", plan(nghttpx, stages=HALF), "--yes", "--detach")
    until(lambda: nghttpx.shares(40)["v2"] > 5)
    nghttpx.balancers[1].kill()

    first = mlship(nghttpx, "rollback", "digits")
    answered = nghttpx.shares(40)
    nghttpx.balancers[1].start()
    second = mlship(nghttpx, "rollback", "digits")

    assert first.returncode == Exit.ROLLBACK_INCOMPLETE, first.stdout + first.stderr
    assert f"{nghttpx.balancers[1].url} does not answer" in first.stdout + first.stderr
    assert answered == {"v1": 40}
    assert second.returncode == Exit.DONE, second.stdout + second.stderr
