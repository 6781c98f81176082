"""The plans for SageMaker: valid, complete, and what `init` prints is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from mlship.cli.init import Backend, Strategy, text
from mlship.drivers.registry import known
from mlship.drivers.sagemaker.draft import STRATEGIES
from mlship.errors import UsageError
from mlship.plan.load import load
from mlship.strategies import compile_plan

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "plans" / "sagemaker"
PLANS = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_shipped_plan_is_valid(path: Path) -> None:
    """Carried out to its end the candidate serves everything; it tells editors its schema, and people how to try it."""
    plan = load(path, drivers=known(), variables={}, env={})
    words = path.read_text("utf-8")
    compiled = compile_plan(plan, live=plan.live or "")

    assert dict(compiled.steps[-1].routing.weights) == {compiled.candidate: 10_000}
    assert (path.parent / words.splitlines()[0].partition("$schema=")[2]).is_file()
    assert f"mlship deploy plans/sagemaker/{path.name}" in words


def test_the_plan_shows_every_key_of_its_driver() -> None:
    """`profile` and `kms-key` stand in comments: most accounts need neither."""
    schema = json.loads((ROOT / "schemas" / "plan.v1.json").read_text("utf-8"))
    shown = yaml.safe_load((FOLDER / "canary.yaml").read_text("utf-8"))

    assert set(shown["driver"]["sagemaker"]) | {"profile", "kms-key"} == set(schema["$defs"]["sagemaker"]["properties"])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_init_prints_is_a_plan(strategy: str, tmp_path: Path) -> None:
    """It can be checked as it stands."""
    path = tmp_path / "plan.yaml"
    path.write_text(text(Strategy(strategy), service="scorer", file="plan.yaml", driver=Backend.SAGEMAKER), "utf-8")

    assert load(path, drivers=known(), variables={}, env={}).stages


def test_init_refuses_what_an_endpoint_cannot_do() -> None:
    """With the strategies that it can."""
    with pytest.raises(UsageError, match="no plan for feature-flag with driver sagemaker"):
        text(Strategy.FEATURE_FLAG, service="scorer", file="plan.yaml", driver=Backend.SAGEMAKER)
