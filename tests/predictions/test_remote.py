"""Ground truth in S3, read by real clients."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from mlship.errors import OutOfReach, UsageError
from mlship.metrics.amazon import Aws
from mlship.predictions.form import Format
from mlship.predictions.formats import Columns, Malformed, Row
from mlship.predictions.remote import read
from tests.emulators.sagemaker import Fault, SageMakerEmulator
from tests.support.cloud import cloud

CLIENT = Aws()


@pytest.fixture(scope="module")
def aws() -> Iterator[SageMakerEmulator]:
    """S3 with one bucket."""
    with pytest.MonkeyPatch.context() as patch, cloud(patch) as emulator:
        CLIENT.call("s3", "create_bucket", Bucket="labels")
        yield emulator


def put(key: str, body: bytes) -> None:
    CLIENT.call("s3", "put_object", Bucket="labels", Key=key, Body=body)


def truth(event: str, data: str, *, encoding: str = "CSV", inference: str = "") -> bytes:
    about = {"eventId": event} | ({"inferenceId": inference} if inference else {})
    line = {"groundTruthData": {"data": data, "encoding": encoding}, "eventMetadata": about, "eventVersion": "0"}
    return json.dumps(line).encode() + b"\n"


def found(address: str) -> list[tuple[str, Any]]:
    rows = read(address, Format.AUTO, Columns())
    return [(row.id, row.value) for row in rows if isinstance(row, Row)]


def test_a_prefix_is_all_that_is_below(aws: SageMakerEmulator) -> None:
    """Hour by hour as SageMaker's monitor wants it; what the caller named goes before the event's own id."""
    put("fraud/2026/11/25/09/a.jsonl", truth("e1", "1") + truth("e2", "0", inference="order-2"))
    put("fraud/2026/11/25/10/b.jsonl", truth("e3", '{"label": 1}', encoding="JSON"))
    put("fraud/2026/11/25/10/c.jsonl.gz", gzip.compress(truth("e4", "MQ==", encoding="BASE64")))
    put("fraud/2026/11/25/11/", b"")
    put("fraudulent/other.jsonl", truth("e9", "9"))

    expected = [("e1", "1"), ("order-2", "0"), ("e3", {"label": 1}), ("e4", "1")]
    assert found("s3://labels/fraud/") == expected
    assert found("s3://labels/fraud") == expected


def test_an_object_is_itself_alone(aws: SageMakerEmulator) -> None:
    """Others whose name begins alike are not meant."""
    put("one/truth.csv", b"id,value\nr1,1\n")
    put("one/truth.csv.old", b"id,value\nr1,0\n")

    assert found("s3://labels/one/truth.csv") == [("r1", "1")]


def test_more_than_a_page(aws: SageMakerEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 lists a thousand at a time, and here three."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    for number in range(7):
        put(f"many/{number}.jsonl", truth(f"e{number}", "1"))

    assert len(found("s3://labels/many/")) == 7


def test_what_cannot_be_read_is_named(aws: SageMakerEmulator) -> None:
    """The object beside the line's number, and nothing of where it was copied to."""
    put("bad/a.jsonl", truth("e1", "1") + b"{}\n")
    put("worse/a.bin.csv", b"\x00\x01")

    rows = list(read("s3://labels/bad/", Format.SAGEMAKER, Columns()))
    assert rows[1] == Malformed(line=2, why="s3://labels/bad/a.jsonl: no groundTruthData or no eventMetadata")
    with pytest.raises(UsageError, match=r"^s3://labels/worse/a\.bin\.csv is not text"):
        found("s3://labels/worse/")


@pytest.mark.parametrize("address", ["s3://labels/nowhere/", "s3://labels/nowhere", "s3://nobody/x/"])
def test_nothing_there(aws: SageMakerEmulator, address: str) -> None:
    """No labels are a mistake, and not a success."""
    with pytest.raises(UsageError, match=r"nothing at|NoSuchBucket"):
        found(address)


def test_s3_out_of_reach(aws: SageMakerEmulator) -> None:
    """A second try, later, finds all of it."""
    put("late/a.jsonl", truth("e1", "1"))
    aws.fault(Fault(kind="error", on="s3:*", code="ExpiredToken"))

    with pytest.raises(OutOfReach, match="have expired"):
        found("s3://labels/late/")
    assert found("s3://labels/late/") == [("e1", "1")]
