"""What a plan for SageMaker may get wrong, each with its reason, before anything is touched."""

from __future__ import annotations

import pytest

from mlship.plan.hosted import Serverless
from mlship.plan.sagemaker.shapes import amiss
from tests.plan.reading import faults, read

GOOD = """\
version: 1
service: scorer
driver: { sagemaker: { role: "arn:aws:iam::123456789012:role/scorer", instance-type: ml.m5.large } }
models:
  v1: { sagemaker-model: scorer-2025 }
  v2: { image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/scorer:2", model-data: "s3://models/2.tar.gz" }
live: v1
guards: []
"""
CANARY = "stages:\n  - { strategy: canary, weights: [10%, 50%] }\n"


def test_a_good_plan() -> None:
    """What a model is made of is kept, and shown by no other driver's words."""
    plan = read(GOOD + CANARY)

    assert plan.models["v1"].hosted.sagemaker_model == "scorer-2025"
    assert plan.models["v2"].hosted.model_data == "s3://models/2.tar.gz"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("ml.m5.large", "ml.m5.lage", "AWS knows no ml.m5.lage here: ml.m5.large"),
        ("instance-type: ml", "endpoint: bad_name, instance-type: ml", "expected letters, digits and inner hyphens"),
        ("arn:aws:iam::123456789012:role/scorer", "scorer", "expected the ARN of a role"),
        ("scorer-2025 }", "scorer_2025 }", "models.v1.sagemaker-model: expected letters, digits"),
        ('scorer:2"', 'scorer:2", volume-size: 9000', "expected 1 to 512; got 9000"),
        ('scorer:2"', 'scorer:2", startup-timeout: 10s', "expected 60 to 3600 seconds"),
        ('scorer:2"', 'scorer:2", serverless: { memory: 99999, concurrency: 1 }', "expected 1024 to 6144"),
        ('scorer:2"', 'scorer:2", port: 8000', "SageMaker runs the model by itself"),
        ('scorer:2"', 'scorer:2", sagemaker-model: x', "there is `sagemaker-model` already"),
        ("sagemaker-model: scorer-2025", "replicas: 1", "nothing says what the SageMaker Model is made of"),
        ("scorer-2025 }", 'scorer-2025, env: { A: "1" } }', "the SageMaker Model is made already"),
        (", instance-type: ml.m5.large }", " }", "`instance-type` is missing"),
        ('role: "arn:aws:iam::123456789012:role/scorer", ', "", "`role` is missing"),
        (
            'image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/scorer:2", model-data: "s3://models/2.tar.gz"',
            "sagemaker-model: scorer-2025",
            "is model v1, too",
        ),
    ],
)
def test_each_field_is_held_against_aws_own_shapes(old: str, new: str, expected: str) -> None:
    """Maximum, pattern and enumeration, which AWS's own library does not check."""
    assert any(expected in fault for fault in faults((GOOD + CANARY).replace(old, new))), faults(
        (GOOD + CANARY).replace(old, new)
    )


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ("  - { strategy: canary, weights: [10%] }\nassign-by: header:x\n", "cannot keep a user on one model"),
        ("  - { strategy: blue-green, preview: header:x=y }\n", "the endpoint sees no headers"),
        ("  - { strategy: feature-flag, rules: [{ header: { x-beta: y } }] }\n", "the endpoint sees no headers"),
        ("  - { strategy: feature-flag, rules: [{ cookie: { beta: y } }] }\n", "the endpoint sees no headers"),
        (
            "  - { strategy: feature-flag, rules: [{ header: { x-amzn-sagemaker-target-variant: v9 } }] }\n",
            'expected the candidate; got "v9"',
        ),
        (
            "  - { strategy: canary, weights: [10%] }\n  - { strategy: shadow, mirror: { v2: 100% } }\n",
            "a split and a shadow cannot be on one endpoint at once",
        ),
    ],
)
def test_what_an_endpoint_cannot_do(stages: str, expected: str) -> None:
    """Refused with the reason."""
    found = faults(GOOD + "stages:\n" + stages)

    assert any(expected in fault for fault in found), found


def test_a_shadow_is_one_to_one() -> None:
    """Two challengers at once are not."""
    text = GOOD.replace("live: v1", "  v3: { image: x }\nlive: v1")
    found = faults(text + "stages:\n  - { strategy: shadow, mirror: { v2: 100%, v3: 100% } }\n")

    assert any("from one variant to one other" in fault for fault in found), found


BANDIT = """\
metrics: { won: { command: { run: [won] } } }
stages:
  - { strategy: bandit, goal: won, every: 1m }
"""


def test_a_bandit_respects_the_lock() -> None:
    """A change of the weights takes a minute or two, and no number is final before the plan says so."""
    found = faults(GOOD + BANDIT)
    sooner = GOOD.replace("instance-type: ml", "metrics-lag: 1m, instance-type: ml")

    assert any("at most every 3m" in fault for fault in found), found
    assert read(GOOD + BANDIT.replace("1m", "10m")).stages
    assert read(sooner + BANDIT).stages


def test_reported_outcomes_need_a_bucket() -> None:
    """Without captured answers no outcome would ever meet the model that it is about."""
    text = GOOD + BANDIT.replace("command: { run: [won] }", "outcome: reward").replace("1m", "10m")
    found = faults(text)

    assert len(found) == 1
    assert "nothing says where SageMaker keeps the answers" in found[0]
    assert read(text.replace("instance-type: ml", 'capture: "s3://bucket/live", instance-type: ml')).stages


def test_an_ab_test_is_of_requests() -> None:
    """Nobody need say who a user is, as the endpoint could not know; who says it is refused."""
    test = BANDIT.replace("bandit", "ab, split: { live: 50%, candidate: 50% }").replace(", every: 1m", "")

    assert read(GOOD + test).assign_by is None
    assert any("cannot keep a user" in fault for fault in faults(GOOD + "assign-by: header:x-user-id\n" + test))


@pytest.mark.parametrize(
    ("rule", "told"), [("percentage: 5%", True), ("header: { x-team: risk }, percentage: 5%", False)]
)
def test_a_share_of_all_requests_is_a_canary(*, rule: str, told: bool) -> None:
    """A flag that chance alone decides is refused with what does the same."""
    found = faults(GOOD + f"stages:\n  - {{ strategy: feature-flag, rules: [{{ {rule} }}] }}\n")

    assert any("cannot keep a user on one model" in fault for fault in found)
    assert any("say `strategy: canary` and `weights: [5%]`" in fault for fault in found) is told


def test_the_caller_may_pick() -> None:
    """The one rule that an endpoint follows."""
    rule = "{ header: { X-Amzn-SageMaker-Target-Variant: v2 } }"

    assert read(GOOD + f"stages:\n  - {{ strategy: feature-flag, rules: [{rule}] }}\n").stages


def test_serverless() -> None:
    """No instances, and no number of them."""
    text = GOOD.replace('scorer:2"', 'scorer:2", serverless: { memory: 2048, concurrency: 5 }') + CANARY

    assert read(text).models["v2"].hosted.serverless == Serverless(memory=2048, concurrency=5)
    assert "has no instances" in faults(text.replace("concurrency: 5 }", "concurrency: 5 }, replicas: 2"))[0]
    assert (
        "has no instances"
        in faults(text.replace("concurrency: 5 }", "concurrency: 5 }, instance-type: ml.m5.large"))[0]
    )


def test_the_keys_are_for_sagemaker_alone() -> None:
    """Other drivers say what to do with them."""
    text = GOOD.replace("sagemaker: {", "memory: {") + CANARY

    assert "driver memory is not SageMaker" in faults(text)[0] + faults(text)[-1]


def test_lengths_are_counted() -> None:
    """Of texts in characters, of numbers as they are."""
    assert amiss("ContainerImage", "x" * 256).startswith("expected 0 to 255 characters")
    assert amiss("EndpointName", "fraud") == amiss("ServerlessMaxConcurrency", 20) == ""
