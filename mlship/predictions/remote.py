"""Files of outcomes wherever they are: here, or objects in S3, brought here one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec.structs import replace

from mlship.errors import UsageError
from mlship.predictions import formats
from mlship.predictions.form import Format
from mlship.predictions.formats import Columns, Malformed, Row

if TYPE_CHECKING:
    from mlship.metrics.amazon import Aws

SCHEME = "s3://"


def read(address: str, form: Format, columns: Columns) -> Iterator[Row | Malformed]:
    """The lines of a file, of an object, or of all objects under a prefix that ends with a slash.

    Raises:
        UsageError: there is nothing there, it cannot be used, or AWS denies it.
        OutOfReach: AWS does not answer.
    """
    if not address.startswith(SCHEME):
        yield from formats.read(Path(address), form, columns)
        return
    from mlship.metrics.amazon import Aws

    aws, bucket = Aws(), urlsplit(address).netloc
    keys = _keys(aws, bucket, address.removeprefix(f"{SCHEME}{bucket}").lstrip("/"))
    if not keys:
        hint = "end a prefix with a slash; `aws s3 ls` shows what is there"
        raise UsageError(f"there is nothing at {address}", hint=hint)
    for key in keys:
        yield from _object(aws, bucket, key, (form, columns))


def _keys(aws: Aws, bucket: str, prefix: str) -> list[str]:
    """The object of this name, or those below; those without content are none."""
    asked, found = {"Bucket": bucket, "Prefix": prefix}, []
    while True:
        page = aws.call("s3", "list_objects_v2", **asked)
        found += [each["Key"] for each in page.get("Contents", ()) if each["Size"]]
        if not page.get("IsTruncated"):
            break
        asked["ContinuationToken"] = page["NextContinuationToken"]
    if prefix.endswith("/") or not prefix:
        return found
    return [prefix] if prefix in found else [key for key in found if key.startswith(f"{prefix}/")]


def _object(aws: Aws, bucket: str, key: str, how: tuple[Format, Columns]) -> Iterator[Row | Malformed]:
    name = f"{SCHEME}{bucket}/{key}"
    with TemporaryDirectory(prefix="mlship-") as folder:
        # Its name stays: the ending says what it holds.
        file = Path(folder, key.rpartition("/")[2])
        with file.open("wb") as target:
            target.writelines(aws.streamed(aws.call("s3", "get_object", Bucket=bucket, Key=key)["Body"]))
        try:
            for row in formats.read(file, *how):
                yield replace(row, why=f"{name}: {row.why}") if isinstance(row, Malformed) else row
        except UsageError as error:
            raise UsageError(error.message.replace(str(file), name), hint=error.hint) from error
