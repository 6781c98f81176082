"""The few things that S3 is asked for; the only module that knows its client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import msgspec

from mlship.journal.shared.faults import refused, unreached
from mlship.journal.shared.place import Place, endpoint

WORKERS = 16
"""Requests at the same time, where many objects are read."""
_ATTEMPTS = 4
_CONFLICTS = 10
_MISSING = {"NoSuchKey", "404"}
_TAKEN = "PreconditionFailed"
_RACED = "ConditionalRequestConflict"


class Object(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored under a key; of one that was listed or just written, without its body."""

    key: str
    etag: str
    modified: float
    """When it was written, by the clock of S3, in whole seconds since the epoch."""
    body: bytes = b""


class Bucket:
    """Objects, each written whole. Every method raises `JournalUnavailable` where S3 refuses or is away."""

    def __init__(self, place: Place) -> None:
        self.place = place

    @property
    def is_amazons(self) -> bool:
        """It is in S3 itself, not in a store that speaks its language."""
        return ".amazonaws.com" in str(_client(endpoint()).meta.endpoint_url)

    def get(self, key: str) -> Object | None:
        """The object under `key`; None: there is none."""
        return self._asked(lambda client: self._read(client, key), none=_MISSING)

    def create(self, key: str, body: bytes) -> Object | None:
        """Write where nothing is yet; None: something is there, or somebody else writes there at this moment."""
        return self._asked(lambda client: self._put(client, key, body, IfNoneMatch="*"), none={_TAKEN, _RACED})

    def put(self, key: str, body: bytes) -> Object:
        """Write, whatever is there."""
        written = self._asked(lambda client: self._put(client, key, body), none=set())
        assert written is not None
        return written

    def age(self, key: str) -> tuple[float, float | None]:
        """What the clock of S3 says now, and when the object under `key` was written; None: there is none."""
        from botocore.exceptions import ClientError

        with self._faults():
            try:
                answer = _client(endpoint()).head_object(Bucket=self.place.bucket, Key=key)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _MISSING:
                    raise
                return _date(error.response), None
        return _date(answer), answer["LastModified"].timestamp()

    def list(self, prefix: str, *, after: str = "") -> Iterator[Object]:
        """The objects whose keys begin with `prefix` and come after `after`, in the order of their keys."""
        for page in self._pages(Prefix=prefix, **({"StartAfter": after} if after else {})):
            for item in page.get("Contents", ()):
                yield Object(key=item["Key"], etag=item["ETag"], modified=item["LastModified"].timestamp())

    def folders(self, prefix: str) -> Iterator[str]:
        """The parts of keys that follow `prefix`, up to the next slash."""
        for page in self._pages(Prefix=prefix, Delimiter="/"):
            for item in page.get("CommonPrefixes", ()):
                yield item["Prefix"].removeprefix(prefix).rstrip("/")

    def _pages(self, **query: str) -> Iterator[dict[str, Any]]:
        more: dict[str, str] = {}
        while True:
            with self._faults():
                page = _client(endpoint()).list_objects_v2(Bucket=self.place.bucket, **query, **more)
            yield page
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def _read(self, client: Any, key: str) -> Object:  # noqa: ANN401 - the client has no type
        from botocore.exceptions import HTTPClientError, IncompleteReadError

        answer = client.get_object(Bucket=self.place.bucket, Key=key)
        try:
            body = answer["Body"].read()
        except (HTTPClientError, IncompleteReadError):
            # The client retries until an answer begins, not when it breaks off.
            answer = client.get_object(Bucket=self.place.bucket, Key=key)
            body = answer["Body"].read()
        return Object(key=key, etag=answer["ETag"], modified=answer["LastModified"].timestamp(), body=body)

    def _put(self, client: Any, key: str, body: bytes, **condition: str) -> Object:  # noqa: ANN401 - as above
        answer = client.put_object(Bucket=self.place.bucket, Key=key, Body=body, **condition)
        return Object(key=key, etag=answer["ETag"], modified=_date(answer))

    def _asked(self, act: Callable[[Any], Object], *, none: set[str]) -> Object | None:
        from botocore.exceptions import ClientError

        with self._faults():
            try:
                return act(_client(endpoint()))
            except ClientError as error:
                if error.response["Error"]["Code"] in none:
                    return None
                raise

    @contextmanager
    def _faults(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            said = error.response["Error"]
            raise refused(self.place, said.get("Code", "?"), said.get("Message", "no message")) from error
        except (BotoCoreError, ValueError, KeyError) as error:
            raise unreached(self.place, error) from error


def settled(read: Callable[[], Object | None]) -> Object | None:
    """What is there once those who write at this moment are done; None: nothing, all of them were turned away."""
    from tenacity import Retrying, retry_if_result, stop_after_attempt, wait_random_exponential

    def is_missing(found: Object | None) -> bool:
        return found is None

    return Retrying(
        retry=retry_if_result(is_missing),
        wait=wait_random_exponential(multiplier=0.02, max=0.5),
        stop=stop_after_attempt(_CONFLICTS),
        retry_error_callback=lambda _: None,
    )(read)


@cache
def _client(address: str) -> Any:  # noqa: ANN401 - made at run time from a description
    """One client per process; boto3's own core, which starts in half the time and reads the same credentials."""
    import botocore.session
    from botocore.config import Config

    config = Config(
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        connect_timeout=5,
        read_timeout=10,
        max_pool_connections=WORKERS,
        # Other stores have no host per bucket, and do not know S3's own checksums.
        s3={"addressing_style": "path" if address else "auto"},
        request_checksum_calculation="when_required" if address else "when_supported",
    )
    return botocore.session.get_session().create_client("s3", config=config)


def _date(answer: dict[str, Any]) -> float:
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
