"""One line of the record: whatever a model answers, it is read or counted, never raised."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mlship.errors import UsageError
from mlship.plan.model import CaptureSettings
from mlship.predictions.prediction import Prediction, Reader, number, probabilities, text

from .made import SETTINGS, line


def read(raw: bytes, settings: CaptureSettings = SETTINGS) -> Prediction:
    taken = Reader(settings).read(raw)
    assert taken is not None
    return taken


BODY = json.dumps({"y": 1}).encode()


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (BODY, None),
        (BODY, "identity"),
        (gzip.compress(BODY, mtime=0), "gzip"),
        (zlib.compress(BODY), "deflate"),
        (zlib.compress(BODY, wbits=-15), "deflate"),
        (gzip.compress(zlib.compress(BODY), mtime=0), "deflate, gzip"),
    ],
)
def test_compressed_answers_are_read(body: bytes, encoding: str | None) -> None:
    """The prediction is found under every encoding that the standard library can undo, and kept undone."""
    taken = read(line("a", body=body, encoding=encoding))

    assert (taken.prediction, taken.why, taken.response) == ("1", "", BODY)


@pytest.mark.parametrize(
    ("body", "more", "why"),
    [
        (b"", {}, "not JSON"),
        (b"\x00\xff\xfe", {}, "not JSON"),
        (b'{"y": 1', {}, "not JSON"),
        (b"[" * 100_000, {}, "not JSON"),
        (BODY, {"cut": True}, "cut"),
        (BODY, {"encoding": "gzip"}, "damaged"),
        (gzip.compress(BODY, mtime=0)[:-9], {"encoding": "gzip"}, "cut"),
        (BODY, {"encoding": "snappy"}, "compressed by snappy"),
        (b"data: 1\n\n", {"type": "text/event-stream; charset=utf-8"}, "stream"),
        (b'a,"b', {"type": "text/csv"}, "not CSV"),
        (b"\xff,1", {"type": "text/csv"}, "not CSV"),
        (BODY, {"status": 503}, "failed"),
        (b'{"x": 1}', {}, "no prediction"),
        (b'{"y": null}', {}, "no prediction"),
        (gzip.compress(b" " * (65 * 1024 * 1024), mtime=0), {"encoding": "gzip"}, "too large"),
    ],
)
def test_what_cannot_be_read_says_why(body: bytes, more: dict[str, Any], why: str) -> None:
    """An answer that cannot be compared is kept with the reason, and has no prediction."""
    taken = read(line("a", body=body, **more))

    assert (taken.prediction, taken.why) == (None, why)


def test_a_large_answer_is_read() -> None:
    """Ten megabytes of JSON are an answer like any other."""
    taken = read(line("a", body={"y": "cat", "padding": "x" * 10_000_000}))

    assert taken.prediction == "cat"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"null",
        b'{"id": "a"}',
        b"\xff",
        line("", body=1),
        line("a", body=1, role="other"),
        line("a", body=1, status="x"),
        line("a", body=1)[:-5],
        line("a", body=1, at=float("nan")),
    ],
)
def test_a_line_that_is_none_is_told(raw: bytes) -> None:
    """A damaged line is None: the store counts it."""
    assert Reader(SETTINGS).read(raw) is None


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, br", "", None]))
def test_no_body_raises(body: bytes, encoding: str | None) -> None:
    """Whatever bytes a model answers, reading them raises nothing."""
    taken = read(line("a", body=body, encoding=encoding))

    assert (taken.prediction is None) == bool(taken.why)


def test_what_is_redacted_is_stored_nowhere() -> None:
    """A redacted value is in no field of what is kept: not in the bodies, the segments or the values."""
    settings = replace(
        SETTINGS,
        redact=("request.card", "response.debug[*].card", 'headers."x-card"'),
        segments={"card": "request.card", "header": "header:x-card", "land": "request.land"},
        drift={"card": "request.card"},
    )
    body = {"y": 1, "debug": [{"card": 4111}]}

    taken = read(line("a", body=body, request={"card": 4111, "land": "NL"}, headers={"X-Card": "4111"}), settings)

    assert b"4111" not in json.dumps(str(taken)).encode()
    assert taken.segments == ("land=NL",)
    assert taken.prediction == "1"


def test_a_compressed_request_is_read() -> None:
    """A request that came as gzip tells its segments like any other; a damaged one is kept as it is."""
    settings = replace(SETTINGS, segments={"land": "request.land"})
    packed = gzip.compress(b'{"land": "NL"}', mtime=0)
    for sent, segments, kept in ((packed, ("land=NL",), b'{"land": "NL"}'), (packed[:-9], (), packed[:-9])):
        said = {**json.loads(line("a", body={"y": 1})), "request": base64.b64encode(sent).decode()}
        taken = read(json.dumps(said).encode(), settings)
        assert (taken.segments, taken.request) == (segments, kept)


def test_a_body_that_cannot_be_redacted_is_not_kept() -> None:
    """Where redaction is asked for, bytes that are no JSON are dropped: nobody knows what is in them."""
    taken = read(line("a", body=b"card 4111"), replace(SETTINGS, redact=("response.card",)))

    assert taken.response is None


def test_scores_segments_and_values_are_read() -> None:
    """Every expression of the plan finds its value."""
    settings = CaptureSettings(
        prediction="label",
        probability="p",
        scores={"margin": "m", "missing": "nothing"},
        segments={"land": 'headers."x-land"', "old": "request.age > `65`"},
        drift={"age": "request.age"},
    )

    taken = read(
        line("a", body={"label": "7", "p": 0.75, "m": 2}, request={"age": 70}, headers={"x-land": "NL"}), settings
    )

    assert taken.probability == {"1": 0.75, "": 0.25}
    assert taken.scores == {"margin": 2.0}
    assert taken.values == {"prediction": 7.0, "margin": 2.0, "age": 70.0}
    assert taken.segments == ("land=NL", "old=true")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "1"),
        (1.0, "1"),
        ("1", "1"),
        (" 1.0 ", "1"),
        (True, "true"),
        ("True", "true"),
        (0.5, "0.5"),
        ("007", "007"),
        ("", ""),
        (None, None),
        ([1, "a"], '[1,"a"]'),
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
        (10**400, str(10**400)),
        ("1e3", "1000"),
    ],
)
def test_the_same_class_is_the_same_text(value: object, expected: str | None) -> None:
    """A class is the same whether it came as number, as text or from a file."""
    assert text(value) == expected


def test_numbers_are_finite() -> None:
    """What is no finite number counts as none."""
    assert [number(value) for value in (1, "2.5", True)] == [1.0, 2.5, 1.0]
    nothing: tuple[object, ...] = (10**400, "nan", "inf", None, [], "x", "1e999")
    assert [number(value) for value in nothing] == [None] * 7


def test_probabilities_have_three_forms() -> None:
    """Of one class, by place, or by name; anything outside 0..1 is none."""
    assert probabilities(0.25, "yes") == {"yes": 0.25, "": 0.75}
    assert probabilities([0.25, 0.75], "1") == {"0": 0.25, "1": 0.75}
    assert probabilities({"cat": 0.5, "dog": 0.5}, "1") == {"cat": 0.5, "dog": 0.5}
    assert probabilities([0.5, 2.0], "1") == probabilities("x", "1") == {}


def test_a_wrong_expression_is_refused_at_once() -> None:
    """Expressions are checked before anything is read."""
    with pytest.raises(UsageError):
        Reader(replace(SETTINGS, segments={"a": "b["}))


def test_what_the_router_does_not_know_is_null() -> None:
    """A client that left before the answer leaves a line of nulls: an answer that could not be read."""
    nulls: dict[str, Any] = dict.fromkeys(
        ("ms", "unit", "response", "response_bytes", "cut", "encoding", "type", "headers", "flags")
    )

    taken = read(line("a", status=0, **nulls))

    assert (taken.why, taken.status) == ("failed", 0)


@pytest.mark.parametrize(
    ("body", "expression", "prediction"),
    [
        (b"0.25,spam\r\n", "[1]", "spam"),
        (b'"a, b", 7 ', "[1]", "7"),
        (b"1,2\n3,4\n", "[1][0]", "3"),
        (b"007\n", "[0]", "007"),
    ],
)
def test_csv_has_cells(body: bytes, expression: str, prediction: str) -> None:
    """Those of the only row, or row by row; what looks like a number is one."""
    settings = replace(SETTINGS, prediction=expression)

    assert read(line("a", body=body, type="text/csv; charset=utf-8"), settings).prediction == prediction
