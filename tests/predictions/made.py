"""Lines as the router writes them, and a folder of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlship.clock import ManualClock
from mlship.metrics.answers import Answers
from mlship.plan.model import CaptureSettings
from mlship.predictions.store import Predictions

SETTINGS = CaptureSettings(prediction="y")


def line(
    request_id: str, *, body: object = None, at: float = 1000.0, role: str = "live", model: str = "v1", **more: Any
) -> bytes:
    """One line of `predictions.jsonl`; `body` is JSON, or bytes as they are."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = more.pop("request", None)
    said: Mapping[str, Any] = {
        "id": request_id,
        "at": at,
        "role": role,
        "model": model,
        "status": 200,
        "ms": 3.5,
        "flags": "-",
        "unit": None,
        "response": base64.b64encode(sent).decode(),
        "response_bytes": len(sent),
        "cut": False,
        "encoding": None,
        "type": "application/json",
        "request": None if asked is None else base64.b64encode(json.dumps(asked).encode()).decode(),
        "request_bytes": None,
        "headers": {},
        **more,
    }
    return json.dumps(said).encode() + b"\n"


def feedback(request_id: str, value: object, *, at: float = 200.0, name: str = "label") -> bytes:
    """One line of `feedback.jsonl`."""
    return json.dumps({"id": request_id, "at": at, "name": name, "value": value}).encode() + b"\n"


class Site:
    """A service's folder: what the router writes, and what is kept of it."""

    def __init__(self, folder: Path, settings: CaptureSettings = SETTINGS) -> None:
        self.folder = folder
        self.spool = folder / "captures"
        self.spool.mkdir(parents=True, exist_ok=True)
        self.clock = ManualClock(1000.0)
        self.kept = Predictions(folder / "kept", settings, self.clock, patience=0.2)

    def write(self, *lines: bytes, kind: str = "predictions") -> None:
        """The router appends lines."""
        with (self.spool / f"{kind}.jsonl").open("ab") as stream:
            stream.writelines(lines)

    def rotate(self, number: int, kind: str = "predictions") -> Path:
        """The router begins another file."""
        return (self.spool / f"{kind}.jsonl").rename(self.spool / f"{kind}.{number}.jsonl")

    def both(self, *answers: tuple[str, object, object], at: float = 999.0, **more: Any) -> None:
        """Requests with what live and the challenger `v2` answered."""
        for request_id, live, other in answers:
            self.write(line(request_id, body={"y": live}, at=at, **more))
            self.write(line(request_id, body={"y": other}, at=at, role="shadow", model="v2", **more))

    def label(self, *labels: tuple[str, object], at: float = 999.5) -> None:
        """Truths arrive."""
        self.write(*(feedback(request_id, value, at=at) for request_id, value in labels), kind="feedback")

    def look(self, share: int = 10_000, *, since: float = 0.0) -> Answers:
        """What is new of v1 and v2, settled at once."""
        self.kept.ingest(self.spool)
        answers, mark = self.kept.answers("v1", {"v2": share}, since=since)
        self.kept.settle(mark)
        return answers["v2"]
