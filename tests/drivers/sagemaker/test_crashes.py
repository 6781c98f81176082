"""kill -9 after every event of a canary by weights, and in every wait: `resume` and `rollback` reach their ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlship.journal.status import Status
from mlship.plan.model import Plan
from mlship.plan.routing import WHOLE
from tests.drivers.sagemaker.rehearsal import Rollout
from tests.emulators.sagemaker import Settings
from tests.strategies.plans import canary, plan
from tests.support.sagemaker_site import QUICK, SagemakerSite

STAGE = canary(2500, hold=60.0, gates=(), requests=0)


def asked(site: SagemakerSite) -> Plan:
    models = {name: site.models[name] for name in ("v1", "v2")}
    return plan(STAGE, models=models, guards=(), look_every=60.0)


def anew(site: SagemakerSite, folder: Path, name: str) -> Rollout:
    """The same rollout on an empty account."""
    site.aws.reset(Settings(timings=QUICK))
    return Rollout(site, folder / name, asked(site))


EVENTS, WAITS = 28, 12
"""Of the rollout that nobody cuts."""

CUTS = [*(f"event {event}" for event in range(1, EVENTS)), *(f"wait {wait}" for wait in range(1, WAITS + 1))]


def cut(site: SagemakerSite, folder: Path, when: str) -> Rollout:
    """The rollout, killed after an event, or in a wait of the driver for the endpoint."""
    kind, number = when.split()
    rollout = anew(site, folder, "cut")
    rollout.time.dies_in = int(number) if kind == "wait" else 0
    assert rollout.start(kill_after=int(number) if kind == "event" else None) is Status.RUNNING
    rollout.time.dies_in = 0
    return rollout


def test_nobody_cuts_it(site: SagemakerSite, tmp_path: Path) -> None:
    """The rollout ends promoted; the cuts below are after each of its events, and in each of its waits."""
    rollout = anew(site, tmp_path, "whole")

    assert rollout.start() is Status.PROMOTED
    assert rollout.weights == {"v2": WHOLE}
    assert (len(rollout.events), rollout.time.waits) == (EVENTS, WAITS)


@pytest.mark.parametrize("when", CUTS)
def test_resume(site: SagemakerSite, tmp_path: Path, when: str) -> None:
    """Whatever was under way is waited for, and done once: the same end, the same variants, one endpoint."""
    rollout = cut(site, tmp_path, when)

    assert rollout.resume() is Status.PROMOTED
    assert rollout.weights == {"v2": WHOLE}
    assert set(rollout.driver().observe().models) == set(site.weights) == {"v2"}
    assert site.aws.calls["sagemaker:CreateEndpoint"] == 1


@pytest.mark.parametrize("when", CUTS)
def test_rollback(site: SagemakerSite, tmp_path: Path, when: str) -> None:
    """From another shell: what is under way is waited for, then everybody has the old model again."""
    rollout = cut(site, tmp_path, when)
    rollout.roll_back()

    assert (rollout.status, rollout.weights) == (Status.ROLLED_BACK, {"v1": WHOLE})
    assert set(rollout.driver().observe().models) == set(site.weights) == {"v1"}
