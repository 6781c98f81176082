"""What one line of the router's record says of one answer, and what the plan's expressions read from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from zlib import crc32

import msgspec

from mlship.plan.model import CaptureSettings
from mlship.predictions.body import NUMBER, Unreadable, parsed, plain, raw
from mlship.predictions.expressions import check_redaction, compiled, redact, value_of

ELSE = ""
"""In probabilities: every class that is not named."""
_LONGEST = 200
"""Characters of a prediction, a truth or a segment that are kept."""


LARGEST = 4 * 1024 * 1024
"""Bytes of a body that is stored; a larger one is read, and let go."""
_GZIP = b"\x1f\x8b"
_CLASSES = 1000
"""Classes whose probabilities are kept."""
NOT_KEPT = "not kept"
"""Why an answer cannot be read of which the router was to keep the line alone."""
_UTTERMOST = 1e100
"""A covariate of a larger size is none: sums of its squares would have no end."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of `predictions.jsonl`, as the router writes it: null for whatever an answer did not come to."""

    id: str
    at: float
    role: str
    model: str
    status: float
    ms: float | None = None
    us: float | None = None
    """The same in microseconds, as the router counts it."""
    flags: str | None = None
    unit: str | None = None
    response: str | None = None
    response_bytes: float | None = None
    cut: bool | None = None
    encoding: str | None = None
    type: str | None = None
    request: str | None = None
    request_type: str | None = None
    request_bytes: float | None = None
    headers: Mapping[str, str | None] | None = None


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """One answer as it is kept. `why` is empty where the answer could be read."""

    id: str
    at: float
    role: str
    model: str
    status: int
    ms: float | None
    unit: str | None
    why: str
    prediction: str | None = None
    probability: Mapping[str, float] = msgspec.field(default_factory=dict)
    """Class → probability; `ELSE` stands for the classes that are not named."""
    scores: Mapping[str, float] = msgspec.field(default_factory=dict)
    values: Mapping[str, float] = msgspec.field(default_factory=dict)
    """What is watched for drift."""
    segments: tuple[str, ...] = ()
    """ "NAME=VALUE" each."""
    response: bytes | None = None
    request: bytes | None = None
    covariate: float | None = None
    """A number that is known before the outcome."""


class Reader:
    """Reads lines by the plan's settings; `covariate` is an expression over request, headers and response.

    Raises:
        UsageError: an expression is no JMESPath, or `redact` does not select.
    """

    def __init__(self, settings: CaptureSettings, covariate: str | None = None) -> None:
        self._settings = settings
        self._covariate = covariate
        found = (settings.prediction, settings.probability, covariate)
        for expression in (*found, *settings.scores.values(), *settings.segments.values(), *settings.drift.values()):
            if expression:
                compiled(expression)
        for expression in settings.redact:
            check_redaction(expression)

    def read(self, line: bytes) -> Prediction | None:
        """What a line says; None where it is no such line. Never raises, whatever the line holds."""
        try:
            said = msgspec.json.decode(line, type=Line, strict=False)
        except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
            return None
        if not said.id or said.role not in {"live", "shadow"} or not math.isfinite(said.at):
            return None
        return self._taken(said)

    def _taken(self, said: Line) -> Prediction:
        response, answer, why = _opened(said)
        request, asked = self._asked(said)
        headers = {name.lower(): value for name, value in (said.headers or {}).items()}
        document = {"request": asked, "response": answer, "headers": headers}
        for expression in self._settings.redact:
            redact(expression, document)
        if not 200 <= said.status < 300:
            why = "failed"
        prediction = text(value_of(self._settings.prediction, document["response"])) if not why else None
        return Prediction(
            id=said.id,
            at=said.at,
            role=said.role,
            model=said.model,
            status=int(said.status),
            ms=said.ms if said.us is None else said.us / 1000,
            unit=said.unit,
            why=why or ("" if prediction is not None else "no prediction"),
            prediction=prediction,
            segments=self._segments(document),
            response=self._kept(response, document["response"]),
            request=self._kept(request, document["request"]),
            covariate=self._known_before(document),
            **(self._numbers(document, prediction) if prediction is not None else {}),
        )

    def _numbers(self, document: Mapping[str, Any], prediction: str) -> dict[str, dict[str, float]]:
        settings, answer = self._settings, document["response"]
        scores = _numbers({name: value_of(each, answer) for name, each in settings.scores.items()})
        watched = {name: value_of(each, document) for name, each in settings.drift.items()}
        odds = value_of(settings.probability, answer) if settings.probability else None
        return {
            "probability": probabilities(odds, settings.positive),
            "scores": scores,
            "values": {**scores, **_watched({"prediction": prediction, **watched})},
        }

    def _known_before(self, document: Mapping[str, Any]) -> float | None:
        found = number(value_of(self._covariate, document)) if self._covariate else None
        return found if found is not None and abs(found) <= _UTTERMOST else None

    def _segments(self, document: Mapping[str, Any]) -> tuple[str, ...]:
        found = {name: text(value_of(each, document)) for name, each in self._settings.segments.items()}
        return tuple(f"{name}={value}" for name, value in found.items() if value is not None)

    def _asked(self, said: Line) -> tuple[bytes | None, Any]:
        if said.request is None:
            return None, None
        try:
            body = raw(said.request)
        except Unreadable:
            return None, None
        try:
            # The router does not tell how a request was encoded; no JSON begins like this.
            body = plain(body, "gzip" if body.startswith(_GZIP) else None)
            return body, parsed(body, said.request_type)
        except Unreadable:
            return body, None

    def _kept(self, body: bytes | None, document: object) -> bytes | None:
        if body is not None and self._settings.redact:
            body = None if document is None else msgspec.json.encode(document)
        return body if body is not None and len(body) <= LARGEST else None


def text(value: object) -> str | None:
    """A class, truth or segment as text, so that 1, 1.0, "1" and "1.0" are the same; None for null."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _number_text(float(value)) if abs(value) < 2**53 else str(value)
        case str():
            stripped = value.strip()
            if stripped.lower() in {"true", "false"}:
                return stripped.lower()
            return _number_text(float(stripped)) if NUMBER.fullmatch(stripped) else stripped[:_LONGEST]
        case _:
            return msgspec.json.encode(value, order="deterministic").decode()[:_LONGEST]


def number(value: object) -> float | None:
    """A finite number, also one written as text; None for anything else."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and not NUMBER.fullmatch(value.strip()):
        return None
    if not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (OverflowError, ValueError):
        return None
    return found if math.isfinite(found) else None


def category(name: str) -> float:
    """A place on the axis for a value that is no number, always the same and above the usual numbers."""
    return float(2**32 + crc32(name.encode()))


def probabilities(value: object, positive: str) -> dict[str, float]:
    """Class → probability, from one of the positive class, a list by class, or an object; empty for anything else."""
    match value:
        case dict():
            named = {text(name) or "": number(each) for name, each in value.items()}
        case list():
            named = {str(place): number(each) for place, each in enumerate(value)}
        case _:
            single = number(value)
            named = {} if single is None else {text(positive) or "1": single, ELSE: 1.0 - single}
    if len(named) > _CLASSES or any(each is None or not 0.0 <= each <= 1.0 for each in named.values()):
        return {}
    return {name: each for name, each in named.items() if each is not None}


def _opened(said: Line) -> tuple[bytes | None, Any, str]:
    """The body as it is kept, its JSON, and why it has none."""
    if not said.response and said.response_bytes:
        return None, None, NOT_KEPT
    try:
        body = raw(said.response)
    except Unreadable as error:
        return None, None, str(error)
    if said.cut:
        return body, None, "cut"
    try:
        body = plain(body, said.encoding)
        return body, parsed(body, said.type), ""
    except Unreadable as error:
        return body, None, str(error)


def _number_text(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def _numbers(values: Mapping[str, object]) -> dict[str, float]:
    found = {name: number(value) for name, value in values.items()}
    return {name: value for name, value in found.items() if value is not None}


def _watched(values: Mapping[str, object]) -> dict[str, float]:
    found = {name: (number(value), text(value)) for name, value in values.items()}
    return {name: category(word) if n is None else n for name, (n, word) in found.items() if word is not None}
