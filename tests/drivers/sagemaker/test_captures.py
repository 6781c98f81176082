"""Data capture of an endpoint, brought here from S3 by real clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlship.drivers.sagemaker.captures import EVERY, WINDOW
from mlship.drivers.sagemaker.events import Role
from mlship.errors import OutOfReach, UsageError
from mlship.metrics.amazon import Aws
from mlship.plan.model import CaptureSettings
from mlship.predictions.store import Predictions
from tests.drivers.sagemaker.bucket import ROLES, Place, line
from tests.emulators.sagemaker import Fault, SageMakerEmulator
from tests.support.cloud import cloud


@pytest.fixture(scope="module")
def region() -> Iterator[tuple[SageMakerEmulator, Aws]]:
    """S3, with time as something that tests move, and its clients."""
    with pytest.MonkeyPatch.context() as patch, cloud(patch) as emulator:
        yield emulator, Aws()


@pytest.fixture
def place(region: tuple[SageMakerEmulator, Aws], tmp_path: Path) -> Place:
    """A bucket of its own, at noon."""
    aws, calls = region
    aws.advance(86_400 - aws.clock.now() % 86_400 + 43_200)
    return Place(aws, calls, tmp_path, tmp_path.name.replace("_", "-").lower()[:60].strip("-"))


def test_variants_become_models(place: Place) -> None:
    """Which one answered is said by the folder, and whether users saw it by what the variant is."""
    place.put("blue", line(place, "e1", b'{"label": 1}'), line(place, "e2", b'{"label": 0}'))
    place.put("green", line(place, "e1", b'{"label": 0}'))
    place.put("others", line(place, "e3", b'{"label": 0}'))
    place.fetch()

    assert place.taken() == [("e1", "live", "v1", "1"), ("e1", "shadow", "v2", "0"), ("e2", "live", "v1", "0")]


def test_pairs_of_live_and_challenger(place: Place) -> None:
    """An answer that comes minutes after its partner still meets it, and counts once."""
    since = place.aws.clock.now()
    place.put("blue", *(line(place, f"e{n}", b'{"label": 1}') for n in range(4)))
    place.fetch()
    answers, mark = place.kept.answers("v1", {"v2": 10_000}, since=since)
    assert (answers["v2"].total.pairs, answers["v2"].total.unpaired) == (0, 0)
    place.kept.settle(mark)
    place.put("green", *(line(place, f"e{n}", b'{"label": 1}', ago=300 + EVERY) for n in range(3)))
    place.aws.advance(300)
    place.fetch()
    answers, mark = place.kept.answers("v1", {"v2": 10_000}, since=since)
    assert (answers["v2"].total.pairs, answers["v2"].total.agreed, answers["v2"].total.unpaired) == (3, 3, 0)
    place.kept.settle(mark)
    place.aws.advance(600)
    place.fetch()

    answers, _ = place.kept.answers("v1", {"v2": 10_000}, since=since)
    assert (answers["v2"].total.pairs, answers["v2"].total.unpaired) == (0, 1)


def test_the_callers_id_goes_first(place: Place) -> None:
    """It is what applications report outcomes under; where there is none, AWS's own is it."""
    place.put("blue", line(place, "e1", b'{"label": 1}', inference="order-7"), line(place, "e2", b'{"label": 1}'))
    place.fetch()

    assert [each[0] for each in place.taken()] == ["e2", "order-7"]


@pytest.mark.parametrize(
    ("encoding", "kind", "answer", "expected"),
    [
        ("JSON", "application/json", b'{"label": "x"}', "x"),
        ("JSON", "", b'{"label": "x"}', "x"),
        ("BASE64", "application/json", b'{"label": "x"}', "x"),
        ("BASE64", "application/octet-stream", b"\xff\x00", None),
        ("CSV", "text/csv", b"x,0.5\n", None),
    ],
)
def test_encodings(place: Place, encoding: str, kind: str, answer: bytes, expected: str | None) -> None:
    """Whatever AWS made of a body, its bytes are what is read."""
    place.put("blue", line(place, "e1", answer, encoding=encoding, kind=kind))
    place.fetch()

    assert place.taken() == [("e1", "live", "v1", expected)]


def test_csv_has_cells(place: Place) -> None:
    """An expression picks one by its number; a number is one."""
    settings = CaptureSettings(prediction="[1]", probability="[0]")
    kept = Predictions(place.folder / "cells", settings, place.aws.clock)
    for event, kind in (("e1", "text/csv; charset=utf-8"), ("e2", "")):
        place.put("blue", line(place, event, b"0.25,spam\r\n", encoding="CSV", kind=kind), name=event)
    place.captures.fetch(ROLES, since=0.0, bodies=False)
    kept.ingest(place.captures.folder)

    found = kept.query("SELECT prediction, probability FROM predictions")
    assert found == [("spam", {"1": 0.25, "": 0.75})] * 2


def test_an_object_is_read_once(place: Place) -> None:
    """However often it is looked, and by whichever process."""
    place.put("blue", line(place, "e1", b'{"label": 1}'))
    place.fetch()
    asked = place.calls.calls["get_object"]
    place.fetch()
    place.captures = place.opened()
    place.fetch()

    assert place.calls.calls["get_object"] == asked
    assert place.kept.counts()["answers"] == 1


def test_an_object_that_grows(place: Place) -> None:
    """What it had before counts once; a line that was torn is whole then."""
    first, second = (line(place, event, b'{"label": 1}') for event in ("e1", "e2"))
    place.put("blue", first)
    place.fetch()
    place.put("blue", first, second)
    place.fetch()

    assert [each[0] for each in place.taken()] == ["e1", "e2"]


def test_an_object_that_comes_late(place: Place) -> None:
    """It lies in the folder of the hour of its requests, which has been listed before."""
    place.put("blue", line(place, "e1", b'{"label": 1}'))
    place.fetch()
    place.aws.advance(WINDOW - 600)
    place.put(
        "blue", line(place, "e2", b'{"label": 0}', ago=WINDOW - 600), name="b", at=place.aws.clock.now() - WINDOW + 600
    )
    place.fetch()

    assert [each[0] for each in place.taken()] == ["e1", "e2"]


def test_a_day_begins_in_utc(place: Place) -> None:
    """Folders go by the hour of UTC, across midnight too."""
    place.aws.advance(43_200 - 1800)
    place.put("blue", line(place, "e1", b'{"label": 1}'))
    place.fetch()
    place.aws.advance(3600)
    place.put("blue", line(place, "e2", b'{"label": 1}'))
    place.fetch()

    assert [each[0] for each in place.taken()] == ["e1", "e2"]


def test_nobody_reads_the_past_again(place: Place) -> None:
    """What is older than an object may be late is not asked for, and not remembered."""
    place.put("blue", line(place, "e0", b'{"label": 1}'), at=place.aws.clock.now() - WINDOW - 3600)
    place.fetch()
    place.put("blue", line(place, "e1", b'{"label": 1}'))
    for _ in range(4):
        place.aws.advance(3600)
        place.fetch()

    assert [each[0] for each in place.taken()] == ["e1"]
    assert json.loads((place.captures.folder / "fetched.json").read_bytes())["objects"] == {}


def test_lines_from_before_a_change(place: Place) -> None:
    """They speak of what the variant was when it answered."""
    place.fetch()
    moved = place.aws.clock.now()
    place.put("green", line(place, "e1", b'{"label": 1}', ago=10))
    place.aws.advance(60)
    place.put("green", line(place, "e2", b'{"label": 1}', ago=10), name="b")
    place.fetch({"green": Role(model="v2")}, since=moved)

    assert place.taken() == [("e1", "shadow", "v2", "1"), ("e2", "live", "v2", "1")]


def test_more_than_a_page(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 lists a thousand at a time, and here two."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for number in range(5):
        place.put("blue", line(place, f"e{number}", b'{"label": 1}'), name=str(number))
    place.fetch()

    assert len(place.taken()) == 5


def test_looks_in_a_row_ask_once(place: Place) -> None:
    """Listing costs money, and objects come once a minute at most."""
    place.fetch()
    asked = place.calls.calls["list_objects_v2"]
    for _ in range(5):
        place.captures.fetch(ROLES, since=0.0, bodies=False)

    assert place.calls.calls["list_objects_v2"] == asked


@pytest.mark.parametrize("bodies", [True, False])
def test_requests_are_kept_where_asked_for(place: Place, *, bodies: bool) -> None:
    """Whatever AWS has captured, what the plan does not want is not brought here."""
    place.put("blue", line(place, "e1", b'{"label": 1}', asked='{"country": "at"}'))
    place.fetch(bodies=bodies)

    segments = ["country=at"] if bodies else []
    assert place.kept.query("SELECT request IS NOT NULL, segments FROM predictions") == [(bodies, segments)]


def test_what_is_no_line_is_counted(place: Place) -> None:
    """It is told, and stops nothing."""
    bad = [b"{", b"[]", b'{"captureData": {}}', b'{"captureData": {}, "eventMetadata": {"inferenceTime": "noon"}}']
    place.put("blue", *bad, line(place, "e1", b'{"label": 1}'))
    place.put("blue", name="empty")
    place.fetch()

    assert [each[0] for each in place.taken()] == ["e1"]
    assert place.kept.counts()["malformed lines"] == len(bad)


def test_a_crash_in_between_counts_nothing_twice(place: Place) -> None:
    """Where it is not known what was read, all of it is read again."""
    place.put("blue", line(place, "e1", b'{"label": 1}'))
    place.fetch()
    (place.captures.folder / "fetched.json").write_text("{")
    place.fetch()

    assert len(place.taken()) == 1


def test_s3_out_of_reach(place: Place) -> None:
    """The next look has all of it."""
    place.put("blue", line(place, "e1", b'{"label": 1}'))
    place.aws.fault(Fault(kind="error", on="s3:*", code="ExpiredToken", message="expired"))
    with pytest.raises(OutOfReach, match="expired"):
        place.fetch()
    place.fetch()

    assert len(place.taken()) == 1


def test_no_such_bucket(place: Place) -> None:
    """A mistake of the plan, in AWS's words."""
    with pytest.raises(UsageError, match="NoSuchBucket"):
        place.opened("s3://nobody-has-it").fetch(ROLES, since=0.0, bodies=False)


def test_files_are_private(place: Place) -> None:
    """Bodies may hold what others must not see."""
    place.put("blue", line(place, "e1", b'{"label": 1}'))
    place.captures.fetch(ROLES, since=0.0, bodies=True)

    files = list(place.captures.folder.iterdir())
    assert len(files) == 2
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
