"""Worlds as people write them: what they mean, and what is wrong with them, where."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest

from mlship.drivers.simulated.reading import Cast, build_world, read_world
from mlship.drivers.simulated.spec import Change, Incident, Latency, Nature, Spread, Users, World
from mlship.plan.fault import PlanError

ROOT = Path(__file__).parents[3]
CAST = Cast(models=("v1", "v2", "v3"), live="v1", candidate="v2", traffic=50.0)


def read(folder: Path, text: str) -> World:
    file = folder / "world.yaml"
    file.write_text(text, encoding="utf-8")
    return read_world(file, CAST)


def test_without_a_file_all_models_are_the_same() -> None:
    """And as many requests come as the plan expects."""
    world = read_world(None, CAST)

    assert world.models == {name: Nature() for name in CAST.models}
    assert world.traffic.rates == ((0.0, 50.0),)


def test_everything_can_be_said(tmp_path: Path) -> None:
    """Each word of a world has its meaning."""
    world = read(
        tmp_path,
        "version: 1\ntraffic: { mean: 200/s, swing: 40%, peak: 6h }\nhistory: 10m\nmatching: 20%\n"
        "users: { requests: 4, alike: 50% }\n"
        "models:\n  live: { errors: 2%, latency: { median: 40ms, spread: 2 }, conversion: 5%, accuracy: 95% }\n"
        "  v2: { errors: 3%, latency: { slow: 2%, slow-by: 300ms }, value: 3, deviation: 2, start: 20s,"
        " dies-after: 1h }\n"
        "drift: { errors: { from: 1m, for: 1h, factor: 2 }, conversion: { for: 2h, factor: 0.5 } }\n"
        "incidents: [{ from: 5m, for: 2m, factor: 10, models: [candidate] }]\n"
        "outages: [{ from: 10m, for: 2m }]\noutcomes: { delay: { median: 30s, spread: 3 } }\n"
        "labels: { share: 20%, delay: { median: 10m }, alike: 80% }\nsigned-after: 30m\n",
    )
    live, candidate = world.models["v1"], world.models["v2"]

    assert live == Nature(errors=0.02, latency=Latency(median=0.04, spread=2.0), conversion=0.05, accuracy=0.95)
    assert candidate.latency == Latency(median=0.04, spread=2.0, slow=0.02, slow_by=0.3)
    assert (candidate.errors, candidate.accuracy, candidate.value) == (0.03, 0.95, 3.0)
    assert (candidate.start, candidate.dies_after) == (20.0, 3600.0)
    assert world.models["v3"] == live
    assert (world.traffic.swing, world.traffic.peak, world.history, world.matching) == (0.4, 21600.0, 600.0, 0.2)
    assert world.users == Users(requests=4.0, alike=0.5)
    assert world.errors == Change(start=60.0, length=3600.0, factor=2.0)
    assert world.conversion == Change(length=7200.0, factor=0.5)
    assert world.incidents == (Incident(start=300.0, length=120.0, factor=10.0, models=frozenset({"v2"})),)
    assert world.outages == ((600.0, 720.0),)
    assert world.outcomes == Spread(median=30.0, spread=3.0)
    assert (world.labels.share, world.labels.delay.median, world.labels.alike) == (0.2, 600.0, 0.8)
    assert world.signed_after == 1800.0


def test_how_a_model_starts_and_dies_is_its_own(tmp_path: Path) -> None:
    """A live model that dies says nothing of the candidate."""
    world = read(tmp_path, "models: { live: { errors: 5%, start: 9s, dies-after: 1m } }\n")

    assert world.models["v2"] == Nature(errors=0.05)
    assert world.models["v1"].dies_after == 60.0
    assert world.models["v2"].dies_after == math.inf


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("modles: {}\n", "1:1: modles: unknown key (did you mean models?)"),
        ("models: { v4: {} }\n", '1:11: models.v4: the plan has no model "v4"'),
        ("models: { live: {}, v1: {} }\n", "1:21: models.v1: is the same model as live"),
        ("models:\n  live: { errors: 101% }\n", "2:19: models.live.errors: expected a percentage"),
        ("models:\n  live: { errors: 1 }\n", "2:19: models.live.errors: expected a percentage"),
        ("models:\n  live: { latency: { spread: 0.5 } }\n", "2:30: models.live.latency.spread: expected 1 or more"),
        ("traffic: fast\n", "1:10: traffic: expected requests per second such as 200/s"),
        ("traffic: { peak: 6h }\n", "1:1: traffic: `mean` is missing"),
        ("traffic: [{ from: 1h, rate: 1/s }, { from: 1h, rate: 2/s }]\n", "1:44: traffic[1].from: is not later"),
        ("incidents: [{ from: 1m, for: 1m, factor: 2, models: [v2, v5] }]\n", "1:58: incidents[0].models[1]: the plan"),
        ("incidents: [{ from: 1m, for: 1m }]\n", "incidents[0]: `factor` is missing (add `factor: 3`)"),
        ("outages: [{ from: 5, for: 1m }]\n", "1:19: outages[0].from: expected a duration"),
        ("traffic: 5/s\ntraffic: 6/s\n", "2:1: traffic: is here twice, first on line 1"),
        ("models:\n\tlive: {}\n", "2:1: a tab; indent with spaces"),
        ("models: [\n", "is not YAML"),
    ],
)
def test_faults_stand_where_they_are(tmp_path: Path, text: str, fault: str) -> None:
    """File, line and column, in words, with a hint where there is one."""
    with pytest.raises(PlanError) as caught:
        read(tmp_path, text)

    assert fault in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "world.yaml"))


BOMB = "a: &a [1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 12)}]\n" for before, name in pairwise("abcde")
)


@pytest.mark.parametrize(
    ("text", "fault", "hint"),
    [
        ("", "the file holds no world", "docs/simulate.md shows a world to start from"),
        ("- 1\n", "a world is a mapping; got a list", "begin with `version: 1`"),
        ("#" * 1024**2 + "\n", "is larger than 1024 KiB", "a world is a page of text: right file?"),
        (BOMB, "the world expands to more than 20000 values", "an alias counts each time it is used"),
        ("version: 1\n---\n", "a second document begins here", "a file holds one world: remove the `---`"),
    ],
)
def test_a_world_is_called_a_world(tmp_path: Path, text: str, fault: str, hint: str) -> None:
    """What is read as plans are is called by its own name, in hints too."""
    with pytest.raises(PlanError) as caught:
        read(tmp_path, text)

    assert [(found.message, found.hint) for found in caught.value.faults] == [(fault, hint)]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    """Nobody has to run it twice."""
    with pytest.raises(PlanError) as caught:
        read(tmp_path, "modles: {}\nhistory: 5\nincidents: [{ from: 1m, for: 1m, factor: -2 }]\n")

    assert [fault.line for fault in caught.value.faults] == [1, 2, 3]


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """With where to look for one to start from."""
    with pytest.raises(PlanError, match=r"there is no file .* \(docs/simulate.md shows a world to start from\)"):
        read_world(tmp_path / "nowhere.yaml", CAST)


def test_a_folder_is_no_world(tmp_path: Path) -> None:
    """What is no regular file is named."""
    with pytest.raises(PlanError, match="is a folder, not a world"):
        read_world(tmp_path, CAST)


def test_the_shipped_world_is_one() -> None:
    """The example can be read."""
    world = read_world(ROOT / "plans" / "worlds" / "canary.yaml", CAST)

    assert world.models["v2"].errors > world.models["v1"].errors


def test_the_same_is_built_from_a_document() -> None:
    """What the tests of simulations use."""
    assert build_world({"traffic": "7/s"}, CAST).traffic.rates == ((0.0, 7.0),)
