"""Whole rollouts behind an HAProxy, by the command line: what only its own configuration can be wrong about."""

from __future__ import annotations

import json

import pytest

from mlship.errors import Exit
from tests.support.balanced_cli import mlship, plan
from tests.support.haproxy_site import haproxy_site
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
