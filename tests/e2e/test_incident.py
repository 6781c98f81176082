"""`rollback` when more than the candidate is wrong: dead replicas, missing secrets, a router that does not answer."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from mlship.errors import Exit
from tests.e2e.site import Site
from tests.e2e.test_commands import GATES, LONG, QUICK

pytestmark = pytest.mark.envoy

SECRETS = {"v1": "OLD_TOKEN", "v2": "NEW_TOKEN"}


def with_secrets(site: Site, stages: str) -> Path:
    """A plan whose models each read a secret of their own, and v1 has two replicas; this shell has both secrets."""
    plan = site.plan(stages, more=GATES)
    text = plan.read_text()
    for model, secret in SECRETS.items():
        text = text.replace(f"  {model}: {{", f'  {model}: {{"env": {{"TOKEN": "${{env:{secret}}}"}}, ')
    plan.write_text(text.replace("  v1: {", '  v1: {"replicas": 2, '))
    site.environment |= dict.fromkeys(SECRETS.values(), "s3cret")
    return plan


def abandoned(site: Site, plan: Path) -> None:
    """A canary at half of the traffic whose controller is gone, seen from a shell without the secrets."""
    deploy = site.start("deploy", plan, "--yes", "--output", "plain")
    site.until_share("v2")
    deploy.kill()
    deploy.wait()
    for secret in SECRETS.values():
        del site.environment[secret]


def test_short_of_replicas_and_secrets(site: Site) -> None:
    """A replica of live is dead and cannot be started from here: the other gets everything, and that is said."""
    abandoned(site, with_secrets(site, LONG))
    site.processes("--name v1")[0].kill()

    back = site.mlship("rollback", "scorer")

    assert (back.returncode, "Traceback" in back.stderr) == (Exit.DONE, False), back.stderr
    assert "OLD_TOKEN" in back.stdout + back.stderr
    assert {site.ask() for _ in range(20)} == {"v1"}
    assert site.processes("--name v2") == []


def test_secrets_that_are_not_needed(site: Site) -> None:
    """Where all of live still runs, no secret is needed to go back to it."""
    abandoned(site, with_secrets(site, LONG))

    back = site.mlship("rollback", "scorer")

    assert (back.returncode, "TOKEN" in back.stdout + back.stderr) == (Exit.DONE, False), back.stderr
    assert {site.ask() for _ in range(20)} == {"v1"}


def test_retired_model_without_its_secret(site: Site) -> None:
    """An old model that was retired and whose secret is missing: exit 7, the secret is named, the new one serves on."""
    plan = with_secrets(site, QUICK)
    with site.users():
        assert site.deploy(plan).returncode == Exit.DONE
        del site.environment["OLD_TOKEN"]
        back = site.mlship("rollback", "scorer")
        assert (back.returncode, "OLD_TOKEN" in back.stderr) == (Exit.ROLLBACK_INCOMPLETE, True), back.stderr
        assert site.ask() == "v2"
        site.environment["OLD_TOKEN"] = "s3cret"
        assert site.mlship("rollback", "scorer").returncode == Exit.DONE
    assert site.ask() == "v1"


@contextmanager
def frozen(router: psutil.Process) -> Iterator[None]:
    """The router is there and does nothing."""
    router.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        router.send_signal(signal.SIGCONT)


def test_frozen_router(site: Site) -> None:
    """A router that does not answer: exit 7 and one message that says so; once it goes on, so does the rollback."""
    deploy = site.start("deploy", site.plan(LONG, more=GATES), "--yes", "--output", "plain")
    site.until_share("v2")
    deploy.kill()
    deploy.wait()
    (router,) = site.processes("envoy")

    with frozen(router):
        back = site.mlship("rollback", "scorer")
    assert (back.returncode, "Traceback" in back.stderr) == (Exit.ROLLBACK_INCOMPLETE, False), back.stderr
    assert back.stderr.count("error:") == 1
    assert "router does not answer" in back.stderr
    assert site.status()["status"] == "rollback incomplete"

    again = site.mlship("rollback", "scorer")
    assert again.returncode == Exit.DONE, again.stderr
    assert {site.ask() for _ in range(20)} == {"v1"}
    assert site.processes("--name v2") == []
