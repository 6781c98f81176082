"""Whole rollouts on an endpoint by the command line, with users who call InvokeEndpoint."""

from __future__ import annotations

import pytest

from mlship.errors import Exit
from tests.e2e.sagemaker.place import CANARY, Place

BLUE_GREEN = [{"strategy": "blue-green", "mode": "weights", "hold": "0s", "bake": "1s", "gates": []}]
RECREATE = [{"strategy": "recreate", "bake": "1s", "gates": []}]
FLAG = [
    {
        "strategy": "feature-flag",
        "rules": [{"header": {"x-amzn-sagemaker-target-variant": "v2"}}],
        "hold": "3s",
        "requests": 0,
        "gates": [],
    }
]


@pytest.mark.parametrize("stages", [CANARY, BLUE_GREEN, RECREATE], ids=["canary", "blue-green", "recreate"])
def test_promoted(place: Place, stages: list[dict[str, object]]) -> None:
    """From nothing to v1 to v2; afterwards v2 answers everybody, `doctor` is content and `down` leaves nothing."""
    ran = place.deploy(place.plan(stages))
    answered = place.ask()
    doctor = place.mlship("doctor", place.service)
    down = place.mlship("down", place.service, "--yes")

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert set(answered) == {"v2"}
    assert (doctor.returncode, "everything runs as recorded" in doctor.stdout) == (0, True), doctor.stdout
    assert (down.returncode, place.weights()) == (0, {})


def test_rolled_back_by_a_gate(place: Place) -> None:
    """A number that a gate does not take brings everybody back to v1, and the candidate is taken away."""
    place.bring_up()
    loss = {"command": {"run": ["echo", '{"value": 0.3}']}}
    gates = [{"metric": "loss", "max": 0.1}]
    ran = place.deploy(place.plan([CANARY[0] | {"hold": "20s", "gates": gates}], metrics={"loss": loss}))

    assert ran.returncode == Exit.ROLLED_BACK, ran.stdout + ran.stderr
    assert place.weights() == {"v1": 10_000}


def test_the_caller_picks(place: Place) -> None:
    """In a feature flag v2 answers those alone who name its variant; how they do it is printed."""
    place.bring_up()
    place.start("deploy", place.plan(FLAG + CANARY), "--yes", "--output", "plain")
    place.until_share("v1")
    plan = place.mlship("plan", place.plan(FLAG + CANARY))

    assert "InvokeEndpoint(TargetVariant=v2) to v2" in plan.stdout, plan.stdout + plan.stderr
    assert place.started[0].wait(120) == Exit.DONE
    assert set(place.ask()) == {"v2"}


def test_shadow(place: Place) -> None:
    """v2 gets copies and no user; then the canary goes on with it."""
    place.bring_up()
    shadow = {"strategy": "shadow", "mirror": {"v2": "100%"}, "hold": "1s", "requests": 0, "gates": []}
    ran = place.deploy(place.plan([shadow, *CANARY]))

    assert ran.returncode == Exit.DONE, ran.stdout + ran.stderr
    assert set(place.ask()) == {"v2"}


def test_rollback_after_a_promotion(place: Place) -> None:
    """The old model is brought back from the record alone, under its own SageMaker Model."""
    assert place.deploy(place.plan()).returncode == Exit.DONE
    back = place.mlship("rollback", place.service)
    again = place.mlship("rollback", place.service)

    assert (back.returncode, again.returncode) == (Exit.DONE, Exit.DONE), back.stdout + back.stderr
    assert set(place.ask()) == {"v1"}
