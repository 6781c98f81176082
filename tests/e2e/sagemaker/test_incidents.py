"""What goes wrong at AWS while a rollout runs: the exit code, one clear line, and traffic where it should be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlship.errors import Exit
from tests.e2e.sagemaker.place import CANARY, Emulator, Place
from tests.emulators.clients import TYPE
from tests.support.site import until

SLOW = [CANARY[0] | {"hold": "5m"}]


@pytest.mark.parametrize("reason", ["the image has no /ping", None], ids=["told", "untold"])
def test_an_update_that_aws_rolls_back(place: Place, aws: Emulator, reason: str | None) -> None:
    """In service again with the old configuration: the candidate is rejected, and what AWS says is told."""
    place.bring_up()
    aws.order("outcome", kind="rolled-back", reason=reason)
    ran = place.deploy(place.plan())

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert (reason or "AWS gives no reason") in ran.stdout
    assert place.weights() == {"v1": 10_000}


@pytest.mark.parametrize(
    ("kind", "way"),
    [("failed", "aws sagemaker delete-endpoint"), ("rollback-failed", "aws sagemaker update-endpoint")],
)
def test_an_endpoint_that_does_not_come_back(place: Place, aws: Emulator, kind: str, way: str) -> None:
    """A person is needed, and is told what to do."""
    place.bring_up()
    aws.order("outcome", kind=kind, reason="twice")
    ran = place.deploy(place.plan())

    assert ran.returncode == Exit.ROLLBACK_INCOMPLETE, ran.stdout + ran.stderr
    assert way in ran.stdout + ran.stderr


def test_trouble_on_the_line(place: Place, aws: Emulator) -> None:
    """Bursts of throttling, errors of the service and connections that end: the rollout takes longer, and ends well."""
    place.bring_up()
    for kind, on in (("throttle", "*"), ("500", "*Describe*"), ("drop", "*Update*"), ("lose", "*Create*")):
        aws.order("fault", kind=kind, on=f"sagemaker:{on}", times=2, skip=1)
    ran = place.deploy(place.plan())

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert set(place.ask()) == {"v2"}


def test_stuck_then_resumed(place: Place, aws: Emulator) -> None:
    """An update that does not end parks the rollout; AWS goes on, and `resume` waits for it, not asking again."""
    place.bring_up()
    plan = place.plan(settings={"update-within": "2s"})
    aws.order("outcome", kind="stuck")
    ran = place.deploy(plan)
    aws.order("release", endpoint=place.service)
    resumed = place.mlship("resume", place.service, "--output", "plain")

    assert ran.returncode == Exit.OUT_OF_REACH, ran.stdout + ran.stderr
    assert "update-within" in ran.stderr
    assert resumed.returncode == Exit.DONE, resumed.stdout + resumed.stderr


def test_maintenance(place: Place, aws: Emulator) -> None:
    """While AWS updates the system nothing is asked for."""
    place.bring_up()
    aws.order("system-update", endpoint=place.service, seconds=2)
    ran = place.deploy(place.plan())

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr


def test_a_quota(place: Place, aws: Emulator) -> None:
    """The candidate does not start, and the line says which quota it is."""
    place.bring_up()
    aws.order("settings", quotas={TYPE: 1})
    ran = place.deploy(place.plan())

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert "quota is used up" in ran.stdout
    assert place.weights() == {"v1": 10_000}


def test_expired_credentials(place: Place, aws: Emulator) -> None:
    """The traffic is where it was, and how to go on is said; once they are renewed the rollout ends."""
    place.bring_up()
    aws.order("settings", expired=True)
    ran = place.deploy(place.plan())
    aws.order("settings", expired=False)
    resumed = place.mlship("resume", place.service, "--output", "plain")

    assert ran.returncode == Exit.OUT_OF_REACH, ran.stdout + ran.stderr
    assert "the AWS credentials have expired" in ran.stderr
    assert resumed.returncode == Exit.DONE, resumed.stdout + resumed.stderr


def test_the_wrong_region(place: Place, aws: Emulator) -> None:
    """Nothing is made there."""
    place.bring_up()
    ran = place.deploy(place.plan(), AWS_REGION="eu-west-1", AWS_DEFAULT_REGION="eu-west-1")

    assert ran.returncode == Exit.OUT_OF_REACH, ran.stdout + ran.stderr
    assert "is in us-east-1, and the calls go to eu-west-1" in ran.stderr
    assert set(place.ask()) == {"v1"}


def test_a_permission(place: Place, aws: Emulator) -> None:
    """Which one is missing is said as IAM calls it."""
    place.bring_up()
    aws.order("settings", denied=["sagemaker:UpdateEndpoint"])
    ran = place.deploy(place.plan())

    assert ran.returncode == Exit.OUT_OF_REACH, ran.stdout + ran.stderr
    assert "AWS denies sagemaker:UpdateEndpoint" in ran.stderr


def test_somebody_else_moves_the_traffic(place: Place) -> None:
    """That is seen, the rollout holds, and `rollback` brings everybody back."""
    place.bring_up()
    place.start("deploy", place.plan(SLOW), "--yes", "--output", "plain")
    place.until_share("v2")
    until(lambda: "10 %" in place.mlship("status", place.service).stdout)
    place.clients.weights(place.service, v1=1, v2=1)
    until(lambda: "changed by somebody else" in place.mlship("status", place.service).stdout)
    back = place.mlship("rollback", place.service)

    assert back.returncode == Exit.DONE, back.stdout + back.stderr
    assert place.weights() == {"v1": 10_000}


def test_two_at_once(place: Place) -> None:
    """The second is turned away; a rollback is not: the first one stops, and touches nothing more."""
    place.bring_up()
    first = place.start("deploy", place.plan(SLOW), "--yes", "--output", "plain")
    place.until_share("v2")
    second = place.deploy(place.plan(SLOW))
    back = place.mlship("rollback", place.service)

    assert second.returncode == Exit.HELD, second.stdout + second.stderr
    assert back.returncode == Exit.DONE, back.stdout + back.stderr
    assert first.wait(60) == Exit.ROLLED_BACK
    assert place.weights() == {"v1": 10_000}


def test_two_machines(place: Place, tmp_path: Path) -> None:
    """Without a record in common the endpoint itself is the lock: the other machine sees that it is not its own."""
    place.bring_up()
    place.start("deploy", place.plan(SLOW), "--yes", "--output", "plain")
    place.until_share("v2")
    elsewhere = place.deploy(place.plan(), MLSHIP_STATE=str(tmp_path / "elsewhere"))

    assert elsewhere.returncode == Exit.OUT_OF_REACH, elsewhere.stdout + elsewhere.stderr
    assert "name the model in `live` that it serves now" in elsewhere.stderr
    assert place.weights() == {"v1": 9000, "v2": 1000}


def test_a_team_whose_record_is_in_s3(place: Place, tmp_path: Path) -> None:
    """kill -9 on one machine: another one, which has nothing but bucket and endpoint, goes on, and later goes back."""
    place.clients("s3").create_bucket(Bucket="team")
    place.environment |= {"MLSHIP_STATE": "s3://team/mlship", "XDG_STATE_HOME": str(tmp_path / "ann")}
    place.bring_up()
    run = place.start("deploy", place.plan(), "--yes", "--output", "plain")
    until(lambda: place.weights().get("v2") == 5000, patience=120.0)
    run.kill()
    run.wait()
    resumed = place.mlship("resume", place.service, "--output", "plain", XDG_STATE_HOME=str(tmp_path / "bo"))
    promoted = place.weights()
    back = place.mlship("rollback", place.service, XDG_STATE_HOME=str(tmp_path / "cy"))

    assert resumed.returncode == Exit.DONE, resumed.stdout + resumed.stderr
    assert promoted == {"v2": 10_000}
    assert back.returncode == Exit.DONE, back.stdout + back.stderr
    assert place.weights() == {"v1": 10_000}


def test_killed_while_the_endpoint_is_updating(place: Place) -> None:
    """kill -9 in the middle of an update: AWS ends it, and `resume` the rollout."""
    place.bring_up()
    run = place.start("deploy", place.plan(), "--yes", "--output", "plain")
    until(lambda: place.clients.describe(place.service)["EndpointStatus"] == "Updating")
    run.kill()
    resumed = place.mlship("resume", place.service, "--output", "plain")

    assert resumed.returncode == Exit.DONE, resumed.stdout + resumed.stderr
    assert set(place.ask()) == {"v2"}


def test_others_never_pay_for_aws(place: Place) -> None:
    """`--help`, `validate` and the other drivers do not load boto3, nor does `validate` of a plan for SageMaker."""
    other = place.folder / "other.yaml"
    other.write_text("version: 1\nservice: x\ndriver: { memory: {} }\nmodels: { v1: {} }\nlive: v1\n")
    script = (
        "import sys\nfrom contextlib import suppress\nfrom mlship.__main__ import main\n"
        "sys.argv[0] = 'mlship'\n"
        "with suppress(SystemExit):\n    main()\n"
        "sys.exit('boto3' in sys.modules or ('botocore' in sys.modules and '--help' in sys.argv) or 0)\n"
    )
    import subprocess
    import sys

    for words in (["--help"], ["validate", str(other)], ["plan", str(other)], ["validate", str(place.plan())]):
        ran = subprocess.run(
            [sys.executable, "-c", script, *words],
            env={**os.environ, **place.environment}, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, (words, ran.stdout, ran.stderr)
