"""The schema that editors read, and its agreement with what is built from a plan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import fields

from mlship.metrics.counters import LATENCY_EDGES
from mlship.metrics.registry import KINDS
from mlship.plan import answergates, container, defaults, hosted, model, outcome, pool, units
from mlship.plan.balancer.check import POOLS
from mlship.plan.containers import KEYS
from mlship.plan.experiments import SOURCES
from mlship.plan.sagemaker.check import KEYS as HOSTED
from mlship.plan.semantics import SLOWEST
from mlship.plan.step import AtDeadline
from tests.plan.reading import BARE, DRIVERS, read

ABOUT_GOALS = (
    "alpha", "margin", "minimal-effect", "baseline", "spread", "power", "method", "covariate", "least",
)  # fmt: skip
"""Keys of an A/B test that are its gate's."""
ABOUT_RACES = (
    "policy", "every", "batch", "floor", "ceiling", "burn-in", "drift", "epsilon", "horizon", "stop", "alpha", "loss",
    "least",
)  # fmt: skip
"""Keys of a bandit that are its gate's."""
ABOUT_SHIFTS = ("mode", "alarms")
"""Keys of a stage whose traffic the backend may move."""
SCHEMA: Mapping[str, Any] = json.loads(files("mlship").joinpath("schemas", "plan.v1.json").read_text("utf-8"))
DEFS = SCHEMA["$defs"]


def schemas(schema: Any, where: str = "plan") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema of a value that a user may write, with its place."""
    if isinstance(schema, dict):
        for name, child in {**schema.get("properties", {}), **schema.get("$defs", {})}.items():
            yield f"{where}.{name}", child
        for name, child in schema.items():
            yield from schemas(child, f"{where}.{name}")
    elif isinstance(schema, list):
        for place, child in enumerate(schema):
            yield from schemas(child, f"{where}[{place}]")


def only(properties: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    return {name: told for name, told in properties.items() if name in names}


def without(properties: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    return {name: told for name, told in properties.items() if name not in names}


WRITTEN = [pair for pair in schemas(SCHEMA) if ".if." not in pair[0]]


def test_the_schema_is_a_schema() -> None:
    """It keeps to draft 2020-12."""
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(("where", "schema"), WRITTEN, ids=[where for where, _ in WRITTEN])
def test_every_key_is_explained(where: str, schema: Mapping[str, Any]) -> None:
    """An editor has a sentence for each."""
    assert schema["description"].endswith("."), where


@pytest.mark.parametrize(
    ("where", "schema"),
    [pair for pair in WRITTEN if "examples" in pair[1] or "default" in pair[1]],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_examples_and_defaults_are_valid(where: str, schema: Mapping[str, Any]) -> None:
    """What an editor proposes is accepted."""
    validator = Draft202012Validator({**schema, "$defs": DEFS})

    for example in [*schema.get("examples", []), *([schema["default"]] if "default" in schema else [])]:
        assert validator.is_valid(example), (where, example)


def in_python(properties: Mapping[str, Any], *, without: tuple[str, ...] = ()) -> set[str]:
    names = {"for": "sustained", "max": "maximum", "min": "minimum", "manual": "by"}
    return {names.get(key, key).replace("-", "_") for key in properties if key not in without}


@pytest.mark.parametrize(
    ("kind", "properties", "not_written", "not_kept"),
    [
        (model.Plan, SCHEMA["properties"], {"document"}, ("version", "extends")),
        (
            model.Model,
            without(DEFS["model"]["properties"], *KEYS, *POOLS, *HOSTED),
            {"name", "container", "pool", "hosted"},
            (),
        ),
        (hosted.Hosted, only(DEFS["model"]["properties"], "image", *HOSTED), set(), ()),
        (hosted.Serverless, DEFS["serverless"]["properties"], set(), ()),
        (pool.Pool, only(DEFS["model"]["properties"], *POOLS), set(), ()),
        (container.Container, only(DEFS["model"]["properties"], "workdir", *KEYS), set(), ()),
        (container.Build, DEFS["build"]["properties"], set(), ()),
        (container.Resources, DEFS["resources"]["properties"], set(), ()),
        (model.Health, DEFS["health"]["properties"], set(), ()),
        (model.Alpha, SCHEMA["properties"]["alpha"]["properties"], set(), ()),
        (model.Comparison, DEFS["comparison"]["properties"], {"name"}, ("no-worse-than",)),
        (model.Threshold, DEFS["ceiling"]["properties"], {"name"}, ()),
        (model.Manual, DEFS["manual"]["properties"], {"name"}, ()),
        (model.CaptureSettings, DEFS["capture"]["properties"], set(), ()),
        (model.Reference, DEFS["capture"]["properties"]["reference"]["properties"], set(), ()),
        (answergates.Quality, DEFS["paired"]["properties"], {"name", "direction"}, ("better-than", "no-worse-than")),
        (answergates.Floor, DEFS["floor"]["properties"], {"name"}, ()),
        (answergates.Drift, DEFS["drift"]["properties"], {"name"}, ()),
        (model.Shadow, DEFS["shadow"]["properties"], set(), ("strategy", "choose")),
        (model.FeatureFlag, DEFS["feature-flag"]["properties"], set(), ("strategy",)),
        (model.AB, DEFS["ab"]["properties"], set(), ("strategy", *ABOUT_GOALS)),
        (outcome.Goal, {key: DEFS["ab"]["properties"][key] for key in ABOUT_GOALS}, {"name", "metric"}, ()),
        (model.Bandit, DEFS["bandit"]["properties"], {"race"}, ("strategy", "goal", *ABOUT_RACES)),
        (
            outcome.Race,
            {key: DEFS["bandit"]["properties"][key] for key in ABOUT_RACES},
            {"name", "metric", "discount"},
            ("drift",),
        ),
        (outcome.Metric, DEFS["measure"]["properties"], {"name", "source", "settings"}, SOURCES),
        (model.Outside, DEFS["limit"]["properties"], {"name"}, ()),
        *((KINDS[kind], DEFS[kind]["properties"], set(), ()) for kind in SOURCES),
        (model.Canary, DEFS["canary"]["properties"], {"managed"}, ("strategy", *ABOUT_SHIFTS)),
        (model.BlueGreen, DEFS["blue-green"]["properties"], {"managed"}, ("strategy", *ABOUT_SHIFTS)),
        (model.Rolling, DEFS["rolling"]["properties"], {"managed"}, ("strategy", *ABOUT_SHIFTS)),
        (model.Recreate, DEFS["recreate"]["properties"], set(), ("strategy",)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_key_has_its_field(
    kind: type, properties: Mapping[str, Any], not_written: set[str], not_kept: tuple[str, ...]
) -> None:
    """The schema and the values of a plan agree: nothing can be written that is not kept, nor kept unwritten."""
    assert in_python(properties, without=not_kept) == {field.name for field in fields(kind)} - not_written


def test_the_strategies_and_deadlines_are_those_of_the_values() -> None:
    """Closed choices are the same in both."""
    strategies = DEFS["stage"]["properties"]["strategy"]["enum"]

    assert {kind.__name__.lower() for kind in model.AnyStage.__args__} == {name.replace("-", "") for name in strategies}
    assert DEFS["at-deadline"]["enum"] == list(AtDeadline)


PLAN_DEFAULTS = {field.name: field.default for field in fields(model.Plan)}


def default_of(properties: Mapping[str, Any], key: str) -> float:
    default = properties[key]["default"]
    if isinstance(default, str):
        return units.fraction(default) if units.is_percentage(default) else units.seconds(default)
    return float(default)


@pytest.mark.parametrize(
    ("properties", "key", "value"),
    [
        (SCHEMA["properties"], "look-every", PLAN_DEFAULTS["look_every"]),
        (SCHEMA["properties"], "warmup", PLAN_DEFAULTS["warmup"]),
        (SCHEMA["properties"], "bake", PLAN_DEFAULTS["bake"]),
        (SCHEMA["properties"], "keep-old", PLAN_DEFAULTS["keep_old"]),
        (SCHEMA["properties"]["alpha"]["properties"], "rollback", model.Alpha().rollback),
        (SCHEMA["properties"]["alpha"]["properties"], "promote", model.Alpha().promote),
        (DEFS["model"]["properties"], "replicas", model.Model(name="v1").replicas),
        (DEFS["model"]["properties"], "timeout", model.Model(name="v1").timeout),
        (DEFS["model"]["properties"], "drain", model.Model(name="v1").drain),
        (DEFS["health"]["properties"], "within", model.Health().within),
        (DEFS["health"]["properties"], "timeout", model.Health().timeout),
        (DEFS["ceiling"]["properties"], "for", model.Threshold(name="", metric="", maximum=0).sustained),
        (DEFS["shadow"]["properties"], "hold", defaults.SHADOW_HOLD),
        (DEFS["feature-flag"]["properties"], "hold", defaults.FLAG_HOLD),
        (DEFS["ab"]["properties"], "hold", defaults.AB_HOLD),
        (DEFS["ab"]["properties"], "at-most", defaults.EXPERIMENT),
        (DEFS["bandit"]["properties"], "hold", defaults.BANDIT_HOLD),
        (DEFS["bandit"]["properties"], "at-most", defaults.EXPERIMENT),
        (DEFS["canary"]["properties"], "hold", defaults.CANARY_HOLD),
        (DEFS["blue-green"]["properties"], "hold", defaults.BLUE_GREEN_HOLD),
        (DEFS["blue-green"]["properties"], "bake", defaults.BAKE),
        (DEFS["rolling"]["properties"], "hold", defaults.ROLLING_HOLD),
        (DEFS["rolling"]["properties"], "batch", defaults.BATCH),
        (DEFS["rolling"]["properties"], "surge", defaults.SURGE),
        (DEFS["rolling"]["properties"], "unavailable", defaults.UNAVAILABLE),
        (DEFS["recreate"]["properties"], "bake", defaults.BAKE),
    ],
)
def test_the_defaults_that_editors_show_are_the_real_ones(
    properties: Mapping[str, Any], key: str, value: float
) -> None:
    """Each default is stated in the schema, and is what the values have."""
    assert default_of(properties, key) == value


def test_the_other_defaults_are_the_real_ones() -> None:
    """Driver, health path and deadline."""
    assert SCHEMA["properties"]["driver"]["default"] == {defaults.DRIVER.name: defaults.DRIVER.settings}
    assert DEFS["process"]["properties"]["listen"]["default"] == defaults.DRIVER.settings["listen"]
    assert DEFS["model"]["properties"]["health"]["default"] == model.Health().path
    assert DEFS["health"]["properties"]["path"]["default"] == model.Health().path
    assert DEFS["at-deadline"]["default"] == model.Stage(name="").at_deadline


def test_a_ceiling_can_be_as_high_as_latency_is_measured() -> None:
    """Above the last bucket nothing can be told apart."""
    assert LATENCY_EDGES[-1] == SLOWEST


def test_the_drivers_of_the_schema_are_known() -> None:
    """Those whose settings editors explain."""
    assert set(SCHEMA["properties"]["driver"]["properties"]) == set(DRIVERS)


@pytest.mark.parametrize("strategy", ["canary", "blue-green", "rolling", "recreate"])
def test_the_example_of_each_strategy_is_a_plan(strategy: str) -> None:
    """Not only its shape is right."""
    (example,) = DEFS[strategy]["examples"]

    assert read(f"{BARE}stages: [{json.dumps(example)}]\n").stages
