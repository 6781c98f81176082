"""What a plan says, and what it means where it is silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlship.plan.answergates import Direction, Drift, Floor, Quality
from mlship.plan.model import (
    Alpha,
    BlueGreen,
    Canary,
    Comparison,
    Health,
    Manual,
    Recreate,
    Rolling,
    Shadow,
    Threshold,
)
from mlship.plan.routing import Capture
from mlship.plan.rule import header_is
from mlship.plan.step import AtDeadline
from tests.plan.reading import BARE, GOOD, read

ERRORS = Comparison(name="no-more-errors", metric="error_rate", margin=0.01)
SLOWER = Comparison(name="not-slower", metric="latency_p95", margin=0.05)
CEILING = Threshold(name="error-ceiling", metric="error_rate", maximum=0.05, sustained=10.0)


def staged(stages: str, *, rest: str = "") -> str:
    return f"{BARE}stages:\n  - {stages}\n{rest}"


def test_a_plan_says_what_it_says() -> None:
    """Each word of a plan ends up in its value."""
    plan = read(GOOD)

    assert (plan.service, plan.live, plan.candidate, plan.guards) == ("scorer", "v1", None, ("errors",))
    assert plan.driver.settings == {"listen": "127.0.0.1:8080"}
    assert plan.models["v2"].command == ("serve", "{port}")
    assert plan.models["v2"].replicas == 3
    assert plan.gates["fast"] == Threshold(name="fast", metric="latency_p95", maximum=0.25)
    assert plan.gates["signed"] == Manual(name="signed", by="team")
    assert plan.stages == (
        Canary(name="canary", gates=("errors", "fast", "signed"), weights=(100, 1000, 5000), hold=600.0),
    )


def test_a_first_plan_only_brings_the_live_model_up() -> None:
    """One model, no stages, and no driver named: a process on the loopback."""
    plan = read("version: 1\nservice: scorer\nmodels:\n  v1:\n    command: serve --port '{port}'\nlive: v1\n")

    assert plan.stages == ()
    assert (plan.driver.name, dict(plan.driver.settings)) == ("process", {"listen": "127.0.0.1:8080"})
    assert plan.models["v1"].command == ("serve", "--port", "{port}")


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("strategy: canary\n    weights: [5%]", Canary(name="canary", weights=(500,), hold=60.0)),
        ("strategy: rolling", Rolling(name="rolling", batch=1, surge=1, unavailable=0, hold=30.0)),
        ("strategy: blue-green", BlueGreen(name="blue-green", hold=0.0, bake=300.0)),
        ("strategy: recreate", Recreate(name="recreate", bake=300.0)),
    ],
)
def test_a_stage_of_a_plan_without_gates_has_default_gates(stage: str, expected: Canary) -> None:
    """Errors and latency are compared where both models serve; elsewhere there is a ceiling, which also guards."""
    text = staged(stage).replace("v1: {}, v2: {}", "v1: { replicas: 3 }, v2: { replicas: 3 }")

    plan = read(text)

    shares = isinstance(expected, Canary | Rolling)
    comparisons = {"no-more-errors": ERRORS, "not-slower": SLOWER} if shares else {}
    assert plan.gates == {**comparisons, "error-ceiling": CEILING}
    assert plan.guards == ("error-ceiling",)
    (made,) = plan.stages
    assert made.gates == tuple(comparisons or {"error-ceiling": CEILING})
    assert {name: getattr(made, name) for name in fields(made)} == {
        name: getattr(expected, name) for name in fields(made)
    }


def fields(stage: object) -> list[str]:
    return [name for kind in type(stage).__mro__ for name in getattr(kind, "__slots__", ()) if name != "gates"]


@pytest.mark.parametrize(
    "stage", ["strategy: rolling", "strategy: canary\n    weights: [100%]"], ids=["one replica", "all at once"]
)
def test_a_stage_that_never_shares_is_judged_by_a_ceiling(stage: str) -> None:
    """There is nothing to compare with when one replica is replaced by one, or all traffic moves at once."""
    assert read(staged(stage)).stages[0].gates == ("error-ceiling",)


def test_a_stage_without_gates_uses_those_of_the_plan_that_can_judge_it() -> None:
    """A comparison is left out where both models never serve at once."""
    gates = "gates:\n  errors: { metric: error_rate, no-worse-than: live, margin: 1% }\n  signed: { manual: team }\n"

    assert read(staged("strategy: blue-green", rest=gates)).stages[0].gates == ("signed",)
    assert read(staged("{ strategy: canary, weights: [5%] }", rest=gates)).stages[0].gates == ("errors", "signed")


def test_a_stage_may_have_no_gates() -> None:
    """An empty list is an answer, not a silence."""
    plan = read(staged("strategy: blue-green\n    gates: []", rest="guards: []\n"))

    assert plan.stages[0].gates == ()
    assert plan.guards == ()


def test_gates_written_in_place_get_readable_names() -> None:
    """Equal gates are one gate; different ones of the same kind are numbered."""
    gates = "[{ metric: error_rate, max: 5% }, { metric: error_rate, max: 6% }, { manual: team }]"
    guards = "guards: [{ metric: error_rate, max: 6% }, { metric: error_rate, no-worse-than: live, margin: 2% }]\n"

    plan = read(staged(f"strategy: blue-green\n    gates: {gates}", rest=guards))

    assert plan.stages[0].gates == ("error_rate-max", "error_rate-max-2", "signed-off")
    assert plan.guards == ("error_rate-max-2", "error_rate-no-worse")
    assert all(gate.name == name for name, gate in plan.gates.items())


def test_a_default_gate_never_takes_the_name_of_another() -> None:
    """What the user calls error-ceiling stays what it is."""
    gates = "gates:\n  error-ceiling: { metric: latency_p99, max: 1s }\n"

    plan = read(staged("strategy: recreate", rest=gates))

    assert plan.gates["error-ceiling"] == Threshold(name="error-ceiling", metric="latency_p99", maximum=1.0)
    assert plan.guards == ("error-ceiling-2",)
    assert plan.gates["error-ceiling-2"] == Threshold(
        name="error-ceiling-2", metric="error_rate", maximum=0.05, sustained=10.0
    )


@pytest.mark.parametrize("preview", ["header:X-Preview=green", "{ header: X-Preview, value: green }"])
def test_a_preview_is_a_header_that_reaches_the_candidate(preview: str) -> None:
    """Header names do not tell case apart; both ways to write it mean the same."""
    (stage,) = read(staged(f"strategy: blue-green\n    preview: {preview}")).stages

    assert isinstance(stage, BlueGreen)
    assert stage.preview == header_is("x-preview", "green", "v2")


def test_what_every_stage_may_say() -> None:
    """Name, deadline, what happens then, and the least number of requests."""
    (stage,) = read(staged("{ strategy: recreate, name: go, at-most: 1h, at-deadline: park, requests: 7 }")).stages

    assert (stage.name, stage.at_most, stage.at_deadline, stage.requests) == ("go", 3600.0, AtDeadline.PARK, 7)


def test_what_a_plan_may_say_beside_its_stages() -> None:
    """Times in seconds, probabilities as parts of one, the unit of assignment in lower case."""
    rest = (
        "assign-by: header:X-User\nalpha: { promote: 1% }\nlook-every: 2s\nwarmup: 30s\nbake: 1h\n"
        "keep-old: true\ntraffic: 200/s\n"
    )

    plan = read(staged("strategy: recreate", rest=rest))

    assert (plan.assign_by, plan.alpha) == ("x-user", Alpha(rollback=0.05, promote=0.01))
    assert (plan.look_every, plan.warmup, plan.bake) == (2.0, 30.0, 3600.0)
    assert (plan.keep_old, plan.traffic) == (True, 200.0)


def test_what_a_model_may_say() -> None:
    """A folder is relative to the plan's; a health check is a path, or a mapping."""
    text = BARE.replace("v1: {}", "v1: { health: /ready, workdir: a, timeout: 10s, drain: 0, faults: { start: 2 } }")
    text = text.replace("v2: {}", "v2: { health: { path: /up, within: 2m, timeout: 500ms }, workdir: /opt }")

    models = read(text + "stages: [{ strategy: recreate }]\n", base=Path("/srv")).models

    assert models["v1"].health == Health(path="/ready")
    assert models["v2"].health == Health(path="/up", within=120.0, timeout=0.5)
    assert (models["v1"].workdir, models["v2"].workdir) == ("/srv/a", "/opt")
    assert (models["v1"].timeout, models["v1"].drain, models["v1"].faults) == (10.0, 0.0, {"start": 2})


SHADOW = """\
version: 1
service: scorer
driver: { memory: {} }
models: { v1: {}, v2: {}, v3: {} }
live: v1
capture:
  { sample: 50%, limit: 4KiB, request: true, headers: [X-Country], redact: [request.name], keep: 2d, most: 2GiB,
    prediction: answer, probability: p, positive: fraud, label: truth, scores: { one: a }, segments: { two: request.b },
    drift: { three: request.c }, reference: { file: old.csv, columns: { prediction: score } } }
gates:
  right: { metric: accuracy, better-than: live, margin: 1%, segment: two, least: 50 }
  close: { metric: absolute_error, no-worse-than: live, margin: 0.5 }
  agrees: { metric: agreement, min: 97% }
  steady: { metric: psi, of: three, max: 0.2 }
  errors: { metric: error_rate, no-worse-than: live, margin: 1% }
stages:
  - { strategy: shadow, mirror: { v2: 100%, v3: 0.5% }, hold: 5m }
  - { strategy: canary, weights: [10%] }
"""


def test_a_shadow_says_what_it_says() -> None:
    """Mirrors, what is kept, and gates over answers; a stage that only splits has none of these."""
    plan = read(SHADOW)
    shadow, canary = plan.stages

    assert shadow == Shadow(
        name="shadow",
        gates=("right", "close", "agrees", "steady", "errors"),
        mirror={"v2": 10_000, "v3": 50},
        hold=300.0,
        at_deadline=AtDeadline.PARK,
    )
    assert canary.gates == ("errors",)
    assert plan.gates["right"] == Quality(
        name="right", metric="accuracy", direction=Direction.BETTER_THAN, margin=0.01, segment="two", least=50
    )
    assert plan.gates["close"] == Quality(
        name="close", metric="absolute_error", direction=Direction.NO_WORSE_THAN, margin=0.5
    )
    assert plan.gates["agrees"] == Floor(name="agrees", metric="agreement", minimum=0.97)
    assert plan.gates["steady"] == Drift(name="steady", metric="psi", of="three", maximum=0.2)


def test_what_is_kept_of_answers() -> None:
    """Each word of `capture` ends up in its value; files are relative to the plan."""
    capture = read(SHADOW).capture

    assert capture.routed() == Capture(sample=5000, limit=4096, request=True, headers=("x-country",))
    assert (capture.redact, capture.keep, capture.most) == (("request.name",), 172_800.0, 2 * 1024**3)
    assert (capture.prediction, capture.probability, capture.positive, capture.label) == (
        "answer",
        "p",
        "fraud",
        "truth",
    )
    assert (capture.scores, capture.segments, capture.drift) == (
        {"one": "a"},
        {"two": "request.b"},
        {"three": "request.c"},
    )
    assert capture.reference is not None
    assert Path(capture.reference.file).name == "old.csv"
    assert capture.reference.columns == {"prediction": "score"}


@pytest.mark.parametrize(("more", "seconds"), [("", 60.0), ("look-every: 10s\n", 10.0)])
def test_numbers_that_come_by_the_minute_are_looked_at_by_the_minute(more: str, seconds: float) -> None:
    """CloudWatch has nothing new for the looks in between; a plan may still say otherwise."""
    text = BARE.replace(
        "memory: {}", "sagemaker: { role: 'arn:aws:iam::123456789012:role/x', instance-type: ml.m5.large }"
    )
    models = "models: { v1: { image: a }, v2: { image: b } }"
    stages = "stages: [{ strategy: canary, weights: [10%], hold: 10m }]\n"

    assert read(text.replace("models: { v1: {}, v2: {} }", models) + more + stages).look_every == seconds
