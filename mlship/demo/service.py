"""One loaded model behind the Open Inference Protocol, with faults on demand. No HTTP in here."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from mlship import __version__
from mlship.clock import Clock
from mlship.demo import protocol, training


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Status and JSON body of an answer."""

    status: HTTPStatus
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What a bad candidate does: a share of answers that are errors (0..1), and seconds added to each answer."""

    error_rate: float = 0.0
    delay: float = 0.0
    seed: int = 0

    def strikes(self, number: int) -> bool:
        """Whether the `number`th inference errs: the same ones in every run with this seed."""
        digest = hashlib.blake2b(f"{self.seed}:{number}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) < self.error_rate * 2**64


class Service:
    """Answers for one model; not ready until `load` has returned."""

    def __init__(self, *, name: str, version: str, faults: Faults, clock: Clock) -> None:
        self._name = name
        self._version = version
        self._faults = faults
        self._clock = clock
        self._estimator: training.Estimator | None = None
        self._numbers: Iterator[int] = itertools.count()

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._estimator is not None

    def load(self, path: Path) -> None:
        """Load the model, and predict once so that the first user does not wait for lazy imports.

        Raises:
            UsageError: the file is not an intact model file, or scikit-learn is missing.
        """
        estimator = training.load(path).estimator
        for body in training.infer_bodies(8):
            training.answered(estimator, protocol.parse(body, training.FEATURES).rows)
        self._estimator = estimator

    def get(self, *path: str) -> Reply:
        """Answer a GET of `path`, given in parts without slashes."""
        match path:
            case ("v2",):
                return Reply(
                    status=HTTPStatus.OK, body={"name": "mlship-demo", "version": __version__, "extensions": []}
                )
            case ("v2", "health", "live"):
                return Reply(status=HTTPStatus.OK, body={"live": True})
            case ("v2", "health", "ready"):
                return self._readiness({"ready": self.ready})
            case ("v2", "models", name, *rest):
                return self._about_model(name, *rest)
            case _:
                return _not_found("no such path")

    def post(self, *path: str, body: bytes) -> Reply:
        """Answer a POST of `body` to `path`."""
        match path:
            case ("v2", "models", name, *rest) if self._without_version(rest) == ["infer"]:
                return self._infer(body) if name == self._name else _not_found(f"no model {name!r}")
            case _:
                return _not_found("no such path")

    def _about_model(self, name: str, *rest: str) -> Reply:
        if name != self._name:
            return _not_found(f"no model {name!r}")
        match self._without_version(list(rest)):
            case []:
                about = protocol.metadata(
                    model=name, version=self._version, features=training.FEATURES, classes=self._classes()
                )
                return Reply(status=HTTPStatus.OK, body=about)
            case ["ready"]:
                return self._readiness({"name": name, "ready": self.ready})
            case ["infer"]:
                return Reply(status=HTTPStatus.METHOD_NOT_ALLOWED, body={"error": "infer is a POST"})
            case _:
                return _not_found("no such path or version")

    def _classes(self) -> int:
        if self._estimator is None or not training.tells_probabilities(self._estimator):
            return 0
        return len(self._estimator.classes_)

    def _without_version(self, rest: list[str]) -> list[str]:
        return rest[2:] if rest[:2] == ["versions", self._version] else rest

    def _readiness(self, body: Mapping[str, Any]) -> Reply:
        return Reply(status=HTTPStatus.OK if self.ready else HTTPStatus.SERVICE_UNAVAILABLE, body=body)

    def _infer(self, body: bytes) -> Reply:
        if self._estimator is None:
            return Reply(status=HTTPStatus.SERVICE_UNAVAILABLE, body={"error": "the model is loading"})
        try:
            request = protocol.parse(body, training.FEATURES)
        except protocol.BadRequest as fault:
            return Reply(status=HTTPStatus.BAD_REQUEST, body={"error": str(fault)})
        if self._faults.delay:
            self._clock.sleep(self._faults.delay)
        if self._faults.strikes(next(self._numbers)):
            return Reply(status=HTTPStatus.INTERNAL_SERVER_ERROR, body={"error": "a fault asked for by --error-rate"})
        digits, shares = training.answered(self._estimator, request.rows)
        outputs = [protocol.digits(digits)] + ([] if shares is None else [protocol.probabilities(shares)])
        answer = protocol.response(outputs, model=self._name, version=self._version, identity=request.id)
        return Reply(status=HTTPStatus.OK, body=answer)


def _not_found(why: str) -> Reply:
    return Reply(status=HTTPStatus.NOT_FOUND, body={"error": why})
