"""Rollouts that SageMaker carries out by itself, by the command line, under traffic."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlship.errors import Exit
from tests.e2e.account import Account, account, emulated

CANARY = {"strategy": "canary", "mode": "managed", "weights": ["50%"], "hold": "10m"}
LINEAR = {"strategy": "canary", "mode": "managed", "weights": ["50%", "100%"], "hold": "5m"}
SWITCH = {"strategy": "blue-green", "bake": "10m"}
ROLLING = {"strategy": "rolling", "batch": 1, "hold": "5m"}
WATCHED = "SageMaker: the new instances are watched"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with emulated() as there:
        yield there


@pytest.fixture
def place(url: str, tmp_path: Path) -> Iterator[Account]:
    with account(url, tmp_path) as opened:
        opened.order("clear")
        yield opened


@pytest.mark.parametrize("stage", [CANARY, SWITCH, ROLLING], ids=lambda stage: str(stage["strategy"]))
def test_sagemaker_brings_the_new_model_live(place: Account, stage: dict[str, Any]) -> None:
    """One update, told stretch by stretch; no request fails, and the record agrees with the endpoint."""
    before = place.updates()

    with place.users() as answers:
        ran = place.deploy(place.plan(stage))

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert WATCHED in ran.stdout
    assert set(answers) == {"v1", "v2"}
    assert {place.ask() for _ in range(10)} == {"v2"}
    assert place.updates() - before == 1
    assert "everything runs as recorded" in place.mlship("doctor", place.service).stdout


def test_an_alarm_ends_a_rollout_as_rolled_back(place: Account) -> None:
    """It goes off on the way: exit 3 with its name, and users have the old model."""
    place.alarm("OK")
    with place.deploying(place.plan({**CANARY, "alarms": ["loud"]})) as run:
        place.said(WATCHED)
        place.alarm("ALARM")
        ended = run.wait(60)

    told = place.output.read_text("utf-8")
    assert ended == Exit.ROLLED_BACK, told
    assert "in ALARM: loud" in told
    assert {place.ask() for _ in range(10)} == {"v1"}


def test_a_silent_rollback_ends_a_rollout_as_rolled_back(place: Account) -> None:
    """AWS says nothing, and the endpoint is InService: it is not what was asked for."""
    place.order("outcome", kind="rolled-back", on="update", after="Baking")

    ran = place.deploy(place.plan(SWITCH))

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert "AWS gives no reason" in ran.stdout
    assert {place.ask() for _ in range(10)} == {"v1"}


def test_a_rollout_goes_on_after_kill_9(place: Account) -> None:
    """SageMaker never stopped; `resume` waits for it, asks for nothing again, and ends the rollout."""
    before = place.updates()
    with place.deploying(place.plan(CANARY)) as run:
        place.said(WATCHED)
        run.kill()

    resumed = place.mlship("resume", place.service, "--output", "plain")

    assert resumed.returncode == Exit.DONE, resumed.stdout + resumed.stderr
    assert {place.ask() for _ in range(10)} == {"v2"}
    assert place.updates() - before == 1


def test_a_rollback_waits_for_sagemaker_and_then_goes_back(place: Account) -> None:
    """From another terminal, while a run is at work: no request fails, and the old model serves alone again."""
    with place.users() as answers, place.deploying(place.plan(SWITCH)) as run:
        place.said("SageMaker: new instances start")
        back = place.mlship("rollback", place.service, "--reason", "night")
        ended = run.wait(60)

    assert back.returncode == Exit.DONE, back.stdout + back.stderr
    assert ended == Exit.ROLLED_BACK
    assert set(answers) == {"v1", "v2"}
    assert {place.ask() for _ in range(10)} == {"v1"}
    assert "everything runs as recorded" in place.mlship("doctor", place.service).stdout


def test_an_abort_is_carried_out_once_sagemaker_is_done(place: Account) -> None:
    """Nothing stops an update under way: the order stands until then, and is not forgotten."""
    with place.deploying(place.plan(SWITCH)) as run:
        place.said("SageMaker: new instances start")
        ordered = place.mlship("abort", place.service)
        ended = run.wait(60)

    assert ordered.returncode == Exit.DONE, ordered.stderr
    assert ended == Exit.ROLLED_BACK, place.output.read_text("utf-8")
    assert {place.ask() for _ in range(10)} == {"v1"}


def test_an_interrupted_run_says_that_sagemaker_goes_on(place: Account) -> None:
    """Ctrl-C parks; nobody is left in the belief that it stopped the traffic."""
    with place.deploying(place.plan(CANARY)) as run:
        place.said("SageMaker: new instances start")
        run.send_signal(signal.SIGINT)
        ended = run.wait(30)

    assert ended == Exit.INTERRUPTED
    assert "the backend goes on moving it by itself, `mlship resume` waits for it" in place.output.read_text("utf-8")
    assert place.mlship("resume", place.service).returncode == Exit.DONE


def test_a_rollback_of_aws_that_fails_needs_a_human(place: Account) -> None:
    """Exit 7, with the way out."""
    place.order("outcome", kind="rollback-failed", on="update", reason="no capacity")

    ran = place.deploy(place.plan(SWITCH))

    assert ran.returncode == Exit.ROLLBACK_INCOMPLETE, ran.stdout + ran.stderr
    assert "UpdateRollbackFailed: no capacity" in ran.stderr
    assert "aws sagemaker update-endpoint" in ran.stderr


def test_a_preview_tells_the_shift_and_what_the_account_does_not_allow(place: Account) -> None:
    """Before anything is touched."""
    place.order("settings", quotas={"ml.m5.large": 3})
    shown = place.mlship("plan", place.plan(LINEAR)).stdout
    place.order("settings", quotas={})

    assert "50 % for 5m 00s" in shown or "50 % more every 5m 00s" in shown
    assert "No alarms: on the way the traffic goes back only if new instances do not start" in shown
    assert "does not fit: 4 instances of ml.m5.large in step 2, and the account may have 3" in shown
