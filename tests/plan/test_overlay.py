"""`extends`: a plan over its base."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlship.plan.fault import PlanError
from mlship.plan.load import load
from mlship.plan.model import Canary, Plan
from tests.plan.reading import DRIVERS, GOOD


def load_over(tmp_path: Path, text: str, *, base: str = GOOD) -> Plan:
    (tmp_path / "base.yaml").write_text(base)
    (tmp_path / "plan.yaml").write_text(text)
    return load(tmp_path / "plan.yaml", drivers=DRIVERS, variables={}, env={})


def faults_over(tmp_path: Path, text: str, *, base: str = GOOD) -> list[str]:
    with pytest.raises(PlanError) as caught:
        load_over(tmp_path, text, base=base)
    return [str(fault).removeprefix(f"{tmp_path}/") for fault in caught.value.faults]


def test_mappings_merge_and_lists_replace(tmp_path: Path) -> None:
    """What the plan does not mention comes from its base; the result knows nothing of `extends`."""
    text = "extends: base.yaml\nmodels: { v2: { replicas: 5 } }\nstages: [{ strategy: canary, weights: [2%] }]\n"

    plan = load_over(tmp_path, text)

    assert plan.models["v2"].command == ("serve", "{port}")
    assert plan.models["v2"].replicas == 5
    assert plan.stages == (Canary(name="canary", gates=("errors", "fast", "signed"), weights=(200,), hold=60.0),)
    assert "extends" not in plan.document


def test_another_driver_replaces_the_driver(tmp_path: Path) -> None:
    """A plan has one driver, so the rehearsal of a plan needs one line."""
    plan = load_over(tmp_path, "extends: base.yaml\ndriver: { memory: { rate: 10 } }\n")

    assert (plan.driver.name, dict(plan.driver.settings)) == ("memory", {"rate": 10})


def test_each_fault_stands_in_its_own_file(tmp_path: Path) -> None:
    """Those of the plan come first, then those of its base."""
    text = "extends: base.yaml\nlive: v9\n"

    first, second = faults_over(tmp_path, text, base=GOOD.replace("50%", "5%"))

    assert first.startswith("plan.yaml:2:7: live: there is no model")
    assert second.startswith("base.yaml:14:24: stages[0].weights[2]: weights only grow")


def test_the_model_that_is_live_may_be_left_to_the_record(tmp_path: Path) -> None:
    """Then each of two models may be the candidate, and one of three must be named."""
    base = GOOD.replace("live: v1\n", "")

    assert load_over(tmp_path, "extends: base.yaml\n", base=base).live is None
    third = "extends: base.yaml\nmodels: { v3: { command: serve } }\ncandidate: v3\n"
    assert load_over(tmp_path, third, base=base).candidate == "v3"


def test_a_missing_base_is_a_fault_of_the_line_that_names_it(tmp_path: Path) -> None:
    """The path is relative to the file."""
    (fault,) = faults_over(tmp_path, "extends: ../nowhere/base.yaml\n")

    assert fault.startswith("plan.yaml:1:10: there is no file")


@pytest.mark.parametrize("base", ["extends: plan.yaml\n", "extends: base.yaml\n"])
def test_files_that_extend_each_other_are_a_fault(tmp_path: Path, base: str) -> None:
    """A circle is seen, however long."""
    (fault,) = faults_over(tmp_path, "extends: base.yaml\n", base=base)

    assert "extends itself" in fault


def test_a_plan_that_extends_itself_is_a_fault(tmp_path: Path) -> None:
    """The smallest circle."""
    (fault,) = faults_over(tmp_path, "extends: plan.yaml\n")

    assert fault.startswith('plan.yaml:1:10: extends: "plan.yaml" extends itself')


def test_a_long_chain_is_a_fault(tmp_path: Path) -> None:
    """Each file may have a base, to a limit."""
    for number in range(20):
        (tmp_path / f"{number}.yaml").write_text(f"extends: {number + 1}.yaml\n")

    (fault,) = faults_over(tmp_path, "extends: 0.yaml\n")

    assert "more than 10 files" in fault


def test_an_overlay_is_bounded(tmp_path: Path) -> None:
    """Two files that are just small enough may be too large together."""
    many = "{ " + "".join(f"{{name}}{number}: 1, " for number in range(11_000)) + " }"
    base = GOOD.replace("gates:", f"alpha: {many.replace('{name}', 'a')}\ngates:")

    (fault,) = faults_over(tmp_path, f"extends: base.yaml\nalpha: {many.replace('{name}', 'b')}\n", base=base)

    assert "expands to more than" in fault
