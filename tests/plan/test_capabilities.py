"""A plan that asks for more than its driver can do is refused before anything is touched."""

from __future__ import annotations

import pytest

from mlship.plan.model import Capability
from tests.plan.reading import BARE, DRIVERS, EVERYTHING, faults, read

QUIET = "    gates: []\nguards: []\n"
SHARING = "strategy: canary\n    weights: [5%]\n"


@pytest.mark.parametrize(
    ("missing", "stage", "rest", "expected"),
    [
        (Capability.SPLIT, SHARING, QUIET, "7:15: stages[0].strategy: driver memory cannot divide traffic"),
        (Capability.SPLIT, "strategy: rolling\n", QUIET, "7:15: stages[0].strategy: driver memory cannot divide"),
        (
            Capability.REPLICAS,
            "strategy: rolling\n",
            QUIET,
            "7:15: stages[0].strategy: driver memory cannot change the",
        ),
        (Capability.CLOSE, "strategy: recreate\n", QUIET, "7:15: stages[0].strategy: driver memory cannot answer 503"),
        (Capability.STICKY, SHARING, QUIET + "assign-by: header:x\n", "11:12: assign-by: driver memory cannot keep a"),
        (
            Capability.MATCH,
            "strategy: blue-green\n    preview: header:x=y\n",
            QUIET,
            "8:14: stages[0].preview: driver memory cannot route by",
        ),
        (
            Capability.MATCH,
            "strategy: feature-flag\n    rules: [{ header: { x: y } }]\n",
            QUIET,
            "7:15: stages[0].strategy: driver memory cannot route by",
        ),
        (
            Capability.STICKY,
            "strategy: feature-flag\n    rules: [{ header: { x: y } }, { percentage: 5% }]\n",
            QUIET,
            "8:49: stages[0].rules[1].percentage: driver memory cannot keep a",
        ),
        (Capability.COUNTERS, SHARING, "", "7:5: stages[0]: driver memory cannot count requests"),
        (Capability.COUNTERS, SHARING, "guards: []\n", "7:5: stages[0]: driver memory cannot count requests"),
        (
            Capability.COUNTERS,
            SHARING,
            "    gates: []\nguards: [{ metric: error_rate, max: 5% }]\n",
            "10:20: guards[0].metric: driver memory cannot count requests",
        ),
    ],
)
def test_what_the_driver_cannot_do_is_a_fault(missing: Capability, stage: str, rest: str, expected: str) -> None:
    """It stands where the plan asks for it, and names the drivers that can."""
    text = f"{BARE}stages:\n  - {stage}{rest}"
    able = {"memory": EVERYTHING - {missing}, "process": EVERYTHING}

    (fault,) = faults(text, drivers=able)

    assert read(text).stages
    assert fault.startswith(expected)
    assert fault.endswith("drivers that can: process)")


def test_where_no_driver_can_the_fault_says_so() -> None:
    """There is no use in naming none."""
    (fault,) = faults(f"{BARE}stages:\n  - strategy: recreate\n{QUIET}", drivers={"memory": frozenset()})

    assert fault.endswith("(no driver that is installed can)")


def test_a_driver_of_another_package_has_settings_of_its_own() -> None:
    """Its name is known to the registry only; its settings are handed on as they are, references unresolved."""
    text = BARE.replace(
        "{ memory: {} }", '{ elsewhere: { socket: "${env:TOKEN}", $${x}: [1] } }'.replace("$${x}", "extra")
    )

    plan = read(text + "stages: [{ strategy: recreate }]\n", drivers={**DRIVERS, "elsewhere": EVERYTHING})

    assert plan.driver.name == "elsewhere"
    assert dict(plan.driver.settings) == {"socket": "${env:TOKEN}", "extra": [1]}
