"""Whole rollouts behind an HAProxy, by the command line: what only its own configuration can be wrong about."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from mlship.errors import Exit
from tests.support.balanced_cli import SLOW, environment, mlship, plan, under_way, until_split
from tests.support.haproxy_site import haproxy_site
from tests.support.rights import read_only
from tests.support.site import until

pytestmark = pytest.mark.haproxy


def test_a_backend_that_is_missing() -> None:
    """It is seen once the rollout has begun: that one is parked and tells so, and the traffic is where it was."""
    with haproxy_site() as site:
        site.service = "digits"
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance()
        until(lambda: site.ask().status == 200)
        models = json.loads(plan(site).read_text())["models"]
        ran = mlship(site, "deploy", plan(site, models={**models, "v2": {"backend": "v3"}}), "--yes")
        status = json.loads(mlship(site, "status", "digits", "--json").stdout)[0]["status"]

        assert (ran.returncode, status) == (Exit.OUT_OF_REACH, "parked"), ran.stdout + ran.stderr
        assert "has no backend v3" in ran.stderr
        assert site.balancer.entry == "any:v1:10000"


def test_a_rollback_with_a_copy_of_a_state_folder_that_is_read_only() -> None:
    """The disk of the record cannot be written, HAProxy's can: the rollback says how to go on, and so it goes."""
    with haproxy_site() as site:
        site.service = "digits"
        for name in ("v1", "v2"):
            site.serve(name)
        site.balance()
        until(lambda: site.ask().status == 200)
        with under_way(site, "deploy", plan(site, stages=SLOW), "--yes", "--output", "plain"):
            until_split(site)
        state, copy = site.folder / "state", site.folder / "copy"
        with read_only(state):
            refused = mlship(site, "rollback", "digits")
            shutil.copytree(state, copy)
            env = {**environment(site), "MLSHIP_STATE": str(copy)}
            words = [sys.executable, "-m", "mlship", "rollback", "digits"]
            back = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)

        assert refused.returncode == Exit.OUT_OF_REACH
        assert "MLSHIP_STATE=COPY mlship rollback SERVICE" in refused.stderr
        assert back.returncode == Exit.DONE, back.stdout + back.stderr
        assert site.balancer.entry == "any:v1:10000"
