"""Rollouts that SageMaker carries out by itself, by the command line, under traffic."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from mlship.errors import Exit
from tests.e2e.sagemaker.place import Emulator, Place
from tests.e2e.sagemaker.shifts import alarm, held_up, output, plan, serves, start, updates, users

CANARY = {"strategy": "canary", "mode": "managed", "weights": ["50%"], "hold": "10m"}
LINEAR = {"strategy": "canary", "mode": "managed", "weights": ["30%", "60%", "90%"], "hold": "5m"}
SWITCH = {"strategy": "blue-green", "bake": "10m"}
ROLLING = {"strategy": "rolling", "batch": 1, "hold": "5m"}
LONG = {"at-most": "8h"}
"""So that SageMaker does not give up what a test holds up."""
BEGUN = "SageMaker: new instances start"
WATCHED = "SageMaker: the new instances are watched"


@pytest.mark.parametrize("stage", [CANARY, LINEAR, SWITCH, ROLLING], ids=["canary", "linear", "blue-green", "rolling"])
def test_sagemaker_brings_the_new_model_live(place: Place, aws: Emulator, stage: dict[str, Any]) -> None:
    """One update, told stretch by stretch; no request fails, and the record agrees with the endpoint."""
    place.bring_up()
    before = updates(aws)

    with users(place) as answers:
        ran = place.deploy(plan(place, stage))

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert WATCHED in ran.stdout
    assert set(answers) == {"v1", "v2"}
    assert serves(place) == {"v2"}
    assert updates(aws) - before == 1
    assert "everything runs as recorded" in place.mlship("doctor", place.service).stdout


def test_an_alarm_ends_a_rollout_as_rolled_back(place: Place, aws: Emulator) -> None:
    """It goes off on the way: exit 3 with its name, and users have the old model."""
    del aws
    place.bring_up()
    alarm(place, "OK")
    run = start(place, plan(place, {**CANARY, "hold": "1h", "alarms": ["loud"]}), WATCHED)
    alarm(place, "ALARM")

    assert run.wait(60) == Exit.ROLLED_BACK, output(place)
    assert "in ALARM: loud" in output(place)
    assert serves(place) == {"v1"}


def test_a_silent_rollback_ends_a_rollout_as_rolled_back(place: Place, aws: Emulator) -> None:
    """AWS says nothing, and the endpoint is InService: it is not what was asked for."""
    place.bring_up()
    aws.order("outcome", kind="rolled-back", on="update", after="Baking")

    ran = place.deploy(plan(place, SWITCH))

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert "AWS gives no reason" in ran.stdout
    assert serves(place) == {"v1"}


def test_a_rollout_goes_on_after_kill_9(place: Place, aws: Emulator) -> None:
    """SageMaker never stopped; `resume` waits for it, asks for nothing again, and ends the rollout."""
    place.bring_up()
    before = updates(aws)
    held_up(aws)
    run = start(place, plan(place, {**CANARY, **LONG}), BEGUN)
    run.kill()
    run.wait()
    aws.order("release", endpoint=place.service)

    resumed = place.mlship("resume", place.service, "--output", "plain")

    assert resumed.returncode == Exit.DONE, resumed.stdout + resumed.stderr
    assert serves(place) == {"v2"}
    assert updates(aws) - before == 1


def test_a_rollback_waits_for_sagemaker_and_then_goes_back(place: Place, aws: Emulator) -> None:
    """From another terminal, while a run is at work: no request fails, and the old model serves alone again."""
    place.bring_up()
    held_up(aws)
    with users(place) as answers:
        run = start(place, plan(place, {**SWITCH, **LONG}), BEGUN)
        back = place.start("rollback", place.service, "--reason", "night")
        ended = run.wait(60)
        aws.order("release", endpoint=place.service)
        done = back.wait(60)

    assert (ended, done) == (Exit.ROLLED_BACK, Exit.DONE), output(place)
    assert set(answers) == {"v1", "v2"}
    assert serves(place) == {"v1"}
    assert "everything runs as recorded" in place.mlship("doctor", place.service).stdout


def test_an_abort_is_carried_out_once_sagemaker_is_done(place: Place, aws: Emulator) -> None:
    """Nothing stops an update under way: the order stands until then, and is not forgotten."""
    place.bring_up()
    held_up(aws)
    run = start(place, plan(place, {**SWITCH, **LONG}), BEGUN)
    ordered = place.mlship("abort", place.service)
    aws.order("release", endpoint=place.service)

    assert ordered.returncode == Exit.DONE, ordered.stderr
    assert run.wait(60) == Exit.ROLLED_BACK, output(place)
    assert serves(place) == {"v1"}


def test_an_interrupted_run_says_that_sagemaker_goes_on(place: Place, aws: Emulator) -> None:
    """Ctrl-C parks; nobody is left in the belief that it stopped the traffic."""
    place.bring_up()
    held_up(aws)
    run = start(place, plan(place, {**CANARY, **LONG}), BEGUN)
    run.send_signal(signal.SIGINT)
    ended = run.wait(30)
    told = output(place)
    aws.order("release", endpoint=place.service)

    assert ended == Exit.INTERRUPTED
    assert "the backend goes on moving it by itself, `mlship resume` waits for it" in told
    assert place.mlship("resume", place.service).returncode == Exit.DONE


def test_a_rollback_of_aws_that_fails_needs_a_human(place: Place, aws: Emulator) -> None:
    """Exit 7, with the way out."""
    place.bring_up()
    aws.order("outcome", kind="rollback-failed", on="update", reason="no capacity")

    ran = place.deploy(plan(place, SWITCH))

    assert ran.returncode == Exit.ROLLBACK_INCOMPLETE, ran.stdout + ran.stderr
    assert "UpdateRollbackFailed: no capacity" in ran.stderr
    assert "aws sagemaker update-endpoint" in ran.stderr


def test_a_preview_tells_the_shift_and_what_the_account_does_not_allow(place: Place, aws: Emulator) -> None:
    """Before anything is touched."""
    place.bring_up()
    aws.order("settings", quotas={"ml.m5.large": 3})

    shown = place.mlship("plan", plan(place, LINEAR)).stdout

    assert "30 % more every 5m 00s" in shown
    assert "No alarms: on the way the traffic goes back only if new instances do not start" in shown
    assert "does not fit: 4 instances of ml.m5.large in step 2, and the account may have 3" in shown
