"""What an endpoint's data capture leaves in S3, brought here as the lines that answers are read from everywhere else.

AWS documents `DESTINATION/ENDPOINT/VARIANT/yyyy/mm/dd/hh/*.jsonl`, by the hour of the request in UTC, delivered minutes
late, sampled, and not at all while an instance's disk is full. Which variant answered is said by the path alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from mlship.clock import Clock
from mlship.dataplane.files import make_folder, replace_file, writing
from mlship.drivers.sagemaker.events import Role, Roles, told

WINDOW = 2 * 3600.0
"""Seconds before the last listing from which objects are looked for: they may come later, and grow."""
EVERY = 30.0
"""Least seconds between two listings, unless told otherwise."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What has been fetched so far."""

    listed: float
    """When objects were listed last, in seconds since the epoch."""
    objects: Mapping[str, str] = {}
    """Key → ETag, as it was read."""
    roles: Roles = ()


class Store(Protocol):
    """What is asked of AWS."""

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """One call: `operation` as botocore names its methods."""
        ...

    def streamed(self, body: Any) -> Iterator[bytes]:  # noqa: ANN401 - of botocore
        """The chunks of an answer's body."""
        ...


class S3Captures:
    """Objects of one endpoint's data capture, and the lines made of them in a folder here."""

    def __init__(
        self, *, store: Store, destination: str, endpoint: str, folder: Path, clock: Clock, every: float = EVERY
    ) -> None:
        """`every`: least seconds between two listings."""
        place = urlsplit(destination)
        self._store = store
        self._bucket = place.netloc
        # A slash at the end of the destination becomes a folder without a name.
        self._prefix = f"{place.path.strip('/')}/".lstrip("/") + f"{endpoint}/"
        self._clock = clock
        self._every = every
        self._state = folder / "fetched.json"
        self.folder = folder

    def fetch(self, roles: Mapping[str, Role], *, since: float, bodies: bool) -> None:
        """Bring what is new: each object once, one that has grown again.

        Args:
            roles: variant → what it is.
            since: when that became so, in seconds since the epoch; 0: nobody knows.
            bodies: bring the requests' bodies, too.

        Raises:
            OutOfReach: S3 does not answer, or this disk is full.
            UsageError: AWS denies it, or there is no such bucket.
        """
        make_folder(self.folder)
        now, kept = self._clock.now(), self._kept()
        kept = _noted(kept, roles, since or now)
        if kept.listed and 0 <= now - kept.listed < self._every:
            return
        start = (kept.listed or now) - WINDOW
        for variant in sorted({name for _, known in kept.roles for name in known}):
            for key, tag in self._listed(variant, start):
                if kept.objects.get(key) != tag:
                    self._bring(key, kept.roles, bodies=bodies)
                    kept = replace(kept, objects={**kept.objects, key: tag})
                    self._keep(kept)
        self._keep(replace(kept, listed=now, objects=_recent(kept.objects, self._prefix, start)))

    def _kept(self) -> Kept:
        try:
            return msgspec.json.decode(self._state.read_bytes(), type=Kept)
        except (OSError, msgspec.MsgspecError):
            return Kept(listed=0.0)  # all is read anew, and taken in once

    def _keep(self, kept: Kept) -> None:
        replace_file(self._state, msgspec.json.encode(kept).decode())

    def _listed(self, variant: str, start: float) -> Iterator[tuple[str, str]]:
        """Key and ETag of each object, from the hour of `start` on."""
        prefix = f"{self._prefix}{variant}/"
        asked = {"Bucket": self._bucket, "Prefix": prefix, "StartAfter": prefix + _hour(start)}
        while True:
            page = self._store.call("s3", "list_objects_v2", **asked)
            yield from ((each["Key"], each["ETag"]) for each in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def _bring(self, key: str, roles: Roles, *, bodies: bool) -> None:
        variant = key.removeprefix(self._prefix).partition("/")[0]
        body = self._store.call("s3", "get_object", Bucket=self._bucket, Key=key)["Body"]
        found = (told(line, variant, roles, bodies=bodies) for line in _lines(self._store.streamed(body)))
        partial = self.folder / ".partial"
        with writing(partial), partial.open("wb") as file:
            partial.chmod(0o600)
            for line in found:
                if line is not None:
                    file.write(line + b"\n")
        with writing(partial):
            partial.replace(self._name()) if partial.stat().st_size else partial.unlink()

    def _name(self) -> Path:
        """The name of the next file, after those of all others."""
        number = int(self._clock.now() * 1000)
        while (path := self.folder / f"predictions.{number}.jsonl").exists():
            number += 1
        return path


def _noted(kept: Kept, roles: Mapping[str, Role], at: float) -> Kept:
    """With what the variants are now; what they were is forgotten when nothing of that time can come any more."""
    if not roles or (kept.roles and kept.roles[-1][1] == roles):
        return kept
    at = max((at, *(since for since, _ in kept.roles[-1:])))
    later = [place for place, (since, _) in enumerate(kept.roles) if since < at - WINDOW]
    return replace(kept, roles=(*kept.roles[later[-1] if later else 0 :], (at, dict(roles))))


def _recent(objects: Mapping[str, str], prefix: str, start: float) -> dict[str, str]:
    """Those that the next listing can still find."""
    return {key: tag for key, tag in objects.items() if key.removeprefix(prefix).partition("/")[2] > _hour(start)}


def _hour(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y/%m/%d/%H")


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(None, whole)
    if rest:
        yield rest
