"""Orders from another shell to a rollout at work, with real models, a real router and users."""

from __future__ import annotations

import json

import pytest

from mlship.errors import Exit
from tests.e2e.site import Site
from tests.e2e.test_commands import GATES, LONG, QUICK

pytestmark = pytest.mark.envoy

HALF = {"v1": 5000, "v2": 5000}
TWO = LONG.replace("[50%]", "[10%, 50%]")
SIGNED = GATES.replace("gates: {", "gates: { signed: { manual: fraud-team },")


def asked(site: Site) -> dict[str, int]:
    """Basis points per model, as `status --json` tells them."""
    (state,) = json.loads(site.mlship("status", "scorer", "--json").stdout)
    return dict(state["asked"]["segments"])


def test_pause_and_resume(site: Site) -> None:
    """A pause holds a step that would have passed; `resume` from anywhere lets the same run go on to its end."""
    plan = site.plan(QUICK.replace("hold: 1s", "hold: 4s"), more=GATES)
    deploy = site.start("deploy", plan, "--yes", "--output", "plain")
    with site.users() as answers:
        site.until_share("v2")
        assert site.mlship("pause", "scorer").returncode == Exit.DONE
        site.until(lambda: answers["v2"] > 400)
        held = site.status()
        assert (held["paused"], held["step"], asked(site)) == (True, 1, HALF)
        on = site.mlship("resume", "scorer")
        assert (on.returncode, "the run at work goes on" in on.stdout) == (Exit.DONE, True), on
        assert deploy.wait(60) == Exit.DONE, site.output.read_text()
    assert set(answers) - {""} == {"v1", "v2"}


def test_promote(site: Site) -> None:
    """An order to promote moves on one step, not more; `--full` goes all the way."""
    deploy = site.start("deploy", site.plan(TWO, more=GATES), "--yes", "--output", "plain")
    with site.users():
        site.until_share("v2")
        assert site.mlship("promote", "scorer", "--reason", "seen enough").returncode == Exit.DONE
        site.until(lambda: asked(site) == HALF)
        assert deploy.poll() is None
        assert site.mlship("promote", "scorer", "--full").returncode == Exit.DONE
        assert deploy.wait(60) == Exit.DONE, site.output.read_text()
    assert site.ask() == "v2"
    assert "seen enough" in site.mlship("show", "scorer").stdout


def test_abort(site: Site) -> None:
    """The run that is told to abort rolls back by itself, with exit 3, and says who asked for it."""
    deploy = site.start("deploy", site.plan(LONG, more=GATES), "--yes", "--output", "plain")
    site.until_share("v2")
    assert site.mlship("abort", "scorer").returncode == Exit.DONE
    assert deploy.wait(60) == Exit.ROLLED_BACK, site.output.read_text()
    assert {site.ask() for _ in range(20)} == {"v1"}
    assert "abort by" in site.mlship("history", "scorer").stdout
    assert site.processes("--name v2") == []


def test_signature(site: Site) -> None:
    """Without its signature a step parks with exit 4, and the traffic stays; signed and resumed it ends well."""
    unsigned = QUICK.replace("gates: [same]", "gates: [same, signed]").replace("at-most: 60s", "at-most: 8s")
    with site.users():
        ran = site.deploy(site.plan(unsigned, more=SIGNED))
        assert ran.returncode == Exit.PARKED, ran.stdout + ran.stderr
        assert {site.ask() for _ in range(40)} == {"v1", "v2"}
        assert "signed off signed" in site.mlship("promote", "scorer").stdout
        assert site.mlship("resume", "scorer", "--output", "plain").returncode == Exit.DONE
    assert site.ask() == "v2"
