"""Which stages the backend carries out, and what they say of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mlship.drivers.registry import SHIPPED, known
from mlship.drivers.sagemaker.permissions import ALWAYS, SOMETIMES
from mlship.plan.load import load
from mlship.plan.model import BlueGreen, Canary, Capability, Rolling
from mlship.plan.shift import Managed
from mlship.strategies import compile_plan
from tests.plan.reading import BARE, faults, read

ROOT = Path(__file__).parents[2]
PLANS = sorted((ROOT / "plans" / "sagemaker").glob("managed-*.yaml"))
ON_SAGEMAKER = """\
version: 1
service: scorer
driver: { sagemaker: { role: "arn:aws:iam::123456789012:role/scorer", instance-type: ml.m5.large, alarms: [loud] } }
models: { v1: { image: "scorer:1", replicas: 4 }, v2: { image: "scorer:2", replicas: 4 } }
live: v1
guards: []
"""


def managed(stage: str, text: str = ON_SAGEMAKER) -> Managed | None:
    (found,) = read(f"{text}stages: [{stage}]\n").stages
    assert isinstance(found, Canary | BlueGreen | Rolling)
    return found.managed


@pytest.mark.parametrize(
    ("stage", "by_default"),
    [
        ("{ strategy: canary, weights: [10%], gates: [] }", False),
        ("{ strategy: blue-green, gates: [] }", True),
        ("{ strategy: rolling, gates: [] }", True),
    ],
)
def test_sagemaker_replaces_fleets_by_itself_and_a_canary_is_ours(stage: str, *, by_default: bool) -> None:
    """Unless the stage says otherwise; on other drivers everything is mlship's."""
    other = stage.replace("gates", "mode: managed, gates" if not by_default else "mode: weights, gates")

    assert (managed(stage) is not None) is by_default
    assert (managed(other) is not None) is not by_default
    assert managed(stage, BARE) is None


def test_alarms_are_those_of_the_stage_or_else_of_the_driver() -> None:
    """And `at-most` is the limit of the whole shift."""
    assert managed("{ strategy: blue-green, gates: [] }") == Managed(alarms=("loud",))
    assert managed("{ strategy: blue-green, gates: [], alarms: [own, two], at-most: 2h }") == Managed(
        alarms=("own", "two"), limit=7200.0
    )


def test_only_sagemaker_moves_traffic_by_itself() -> None:
    """No other driver that comes with mlship claims to, so that it is refused there."""
    assert [name for name, (_, able) in SHIPPED.items() if Capability.SHIFT in able] == ["sagemaker"]


def test_a_serverless_variant_has_no_guardrails() -> None:
    """It is said at plan time, once for each model."""
    text = ON_SAGEMAKER.replace(
        'v2: { image: "scorer:2", replicas: 4 }',
        'v2: { image: "scorer:2", serverless: { memory: 2048, concurrency: 5 } }',
    )

    (fault,) = faults(f"{text}stages: [{{ strategy: blue-green, gates: [] }}]\n")

    assert "deployment guardrails know instances only, and v2 is serverless" in fault


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_shipped_plan_shifts_and_ends_with_the_candidate_alone(path: Path) -> None:
    """It names its schema, and the command that tries it."""
    words = path.read_text("utf-8")
    plan = load(path, drivers=known(), variables={}, env={})
    steps = compile_plan(plan, live=plan.live or "").steps

    assert (path.parent / words.splitlines()[0].partition("$schema=")[2]).is_file()
    assert f"mlship deploy plans/sagemaker/{path.name}" in words
    assert sum(1 for step in steps if step.routing.shift) == 1
    assert dict(steps[-1].routing.weights) == {"v2": 10_000}


def test_the_policy_in_the_documents_is_what_doctor_asks_for() -> None:
    """Nothing more for the endpoint, and nothing less."""
    page = (ROOT / "docs" / "sagemaker.md").read_text("utf-8")
    (block,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    allowed = [statement["Action"] for statement in json.loads(block)["Statement"] if statement["Sid"] != "Captures"]
    actions = {action for each in allowed for action in ([each] if isinstance(each, str) else each)}

    assert actions == {*ALWAYS, *(action for group in SOMETIMES.values() for action in group)}
