"""What `MLSHIP_STATE=s3://bucket/prefix` names; nothing here asks S3."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from urllib.parse import quote

import msgspec

from mlship.errors import UsageError

SCHEME = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[\w!.*'()/=+,-]*", re.ASCII)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where in S3 the journals of a team are."""

    bucket: str
    prefix: str = ""
    """Without slashes at its ends."""

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")

    def key(self, *parts: str) -> str:
        """The key of what is at `parts` below the prefix."""
        return "/".join([self.prefix, *parts] if self.prefix else parts)

    @property
    def folder(self) -> str:
        """A name for what this machine keeps of it; another endpoint is another place."""
        seen = sha256(f"{endpoint()} {self}".encode()).hexdigest()
        return f"{self.bucket}-{seen[:12]}"


def endpoint() -> str:
    """The address of an S3 other than Amazon's, if one is set."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


def parse(url: str) -> Place:
    """The place that `url` names.

    Raises:
        UsageError: it names none. The message does not repeat it: somebody may have put a secret there.
    """
    bucket, _, prefix = url.removeprefix(SCHEME).partition("/")
    place = Place(bucket=bucket, prefix=prefix.strip("/"))
    if not url.startswith(SCHEME) or not _BUCKET.fullmatch(bucket) or not _PREFIX.fullmatch(prefix):
        raise UsageError(
            "MLSHIP_STATE has the form of an address, but not that of s3://bucket/prefix",
            hint="name a folder, or a bucket as in s3://ml-rollouts/fraud; credentials are read as every AWS tool does",
        )
    return place


def part(service: str) -> str:
    """A service's name as one part of a key and as the name of a folder, whatever it is."""
    return quote(service, safe="").replace(".", "%2E") or "%"
