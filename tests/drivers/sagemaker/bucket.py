"""A bucket with what data capture leaves there, and what is brought here of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlship.drivers.sagemaker.captures import EVERY, S3Captures
from mlship.drivers.sagemaker.events import Role
from mlship.metrics.amazon import Aws
from mlship.plan.model import CaptureSettings
from mlship.predictions.store import Predictions
from tests.emulators.sagemaker import SageMakerEmulator

ROLES = {"blue": Role(model="v1"), "green": Role(model="v2", shadow=True)}


class Place:
    """A bucket with what AWS leaves there, and what is brought here of it."""

    def __init__(self, aws: SageMakerEmulator, calls: Aws, folder: Path, bucket: str) -> None:
        self.aws, self.calls, self.folder, self.bucket = aws, calls, folder, bucket
        self.captures = self.opened()
        settings = CaptureSettings(prediction="label", segments={"country": "request.country"})
        self.kept = Predictions(folder / "kept", settings, aws.clock, late=600.0)
        calls.call("s3", "create_bucket", Bucket=bucket)

    def opened(self, destination: str = "") -> S3Captures:
        where = destination or f"s3://{self.bucket}/captured/"
        folder, clock = self.folder / "captures", self.aws.clock
        return S3Captures(store=self.calls, destination=where, endpoint="fraud", folder=folder, clock=clock)

    def put(self, variant: str, *lines: bytes, name: str = "a", at: float | None = None) -> None:
        """An object, in the folder of the hour of its requests."""
        hour = datetime.fromtimestamp(self.aws.clock.now() if at is None else at, UTC).strftime("%Y/%m/%d/%H")
        key = f"captured/fraud/{variant}/{hour}/{name}.jsonl"
        self.calls.call("s3", "put_object", Bucket=self.bucket, Key=key, Body=b"".join(each + b"\n" for each in lines))

    def fetch(self, roles: Mapping[str, Role] = ROLES, *, since: float = 0.0, bodies: bool = False) -> None:
        self.aws.advance(EVERY)
        self.captures.fetch(roles, since=since, bodies=bodies)
        self.kept.ingest(self.captures.folder)

    def taken(self) -> list[tuple[str, str, str, str | None]]:
        """Id, role, model and prediction of each answer that is kept."""
        return self.kept.query("SELECT id, role, model, prediction FROM predictions ORDER BY id, role")


def line(place: Place, event: str, answer: bytes, *, ago: float = 0.0, inference: str = "", **more: Any) -> bytes:
    """As AWS documents it; `encoding`, `kind` and `asked` as they were captured."""
    time = datetime.fromtimestamp(place.aws.clock.now() - ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    encoding, kind = more.get("encoding", "JSON"), more.get("kind", "application/json")
    data = base64.b64encode(answer).decode() if encoding == "BASE64" else answer.decode()
    sides = {"endpointOutput": {"observedContentType": kind, "mode": "OUTPUT", "data": data, "encoding": encoding}}
    if "asked" in more:
        asked = {"observedContentType": "application/json", "mode": "INPUT", "encoding": "JSON", "data": more["asked"]}
        sides["endpointInput"] = asked
    about = {"eventId": event, "inferenceTime": time} | ({"inferenceId": inference} if inference else {})
    return json.dumps({"captureData": sides, "eventMetadata": about, "eventVersion": "0"}).encode()
