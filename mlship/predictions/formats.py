"""Files of outcomes, line by line: CSV, JSON lines, Parquet and the ground truth of SageMaker's monitor."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import math
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import msgspec

from mlship.errors import UsageError
from mlship.predictions.form import Format
from mlship.predictions.lines import Lines

_PARQUET, _GZIP = b"PAR1", b"\x1f\x8b"
_DELIMITERS = ",;\t|"
_ENDINGS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """Where a line holds what."""

    id: str = "id"
    value: str = "value"
    at: str | None = None
    """When it happened; None: the file does not say."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A line that could be read."""

    line: int
    id: str
    value: Any
    at: float | None = None
    """Seconds since the epoch."""


class Malformed(msgspec.Struct, frozen=True, kw_only=True):
    """A line that could not, and why."""

    line: int
    why: str


def read(file: Path, form: Format, columns: Columns) -> Iterator[Row | Malformed]:
    """The lines of a file, as it streams by.

    Raises:
        UsageError: the file cannot be used at all.
    """
    try:
        start = _start(file)
        if start.startswith(_PARQUET) or form is Format.PARQUET:
            yield from _parquet(file, columns)
            return
        if b"\x00" in start:
            raise UsageError(f"{file} is not text", hint="CSV, JSON lines and Parquet can be read.")
        with _opened(file) as stream:
            yield from _text(file, stream, form, columns)
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{file} cannot be read: {why}") from error


def _start(file: Path) -> bytes:
    with file.open("rb") as stream:
        start = stream.read(65_536)
    if start.startswith(_GZIP):
        with gzip.open(file) as unpacked:
            start = unpacked.read(65_536)
    if not start.strip():
        raise UsageError(f"{file} is empty")
    return start


def _opened(file: Path) -> TextIO:
    with file.open("rb") as stream:
        packed = stream.read(2) == _GZIP
    binary = gzip.open(file) if packed else file.open("rb")  # noqa: SIM115 - the wrapper below closes it
    return io.TextIOWrapper(binary, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _text(file: Path, stream: TextIO, form: Format, columns: Columns) -> Iterator[Row | Malformed]:
    first = stream.readline()
    stream.seek(0)
    match form if form is not Format.AUTO else _guessed(file, first):
        case Format.SAGEMAKER:
            yield from _json(stream, _ground_truth)
        case Format.JSONL:
            yield from _json(stream, lambda said: _member(said, columns))
        case _:
            yield from _csv(file, stream, first, columns)


def _guessed(file: Path, first: str) -> Format:
    if '"groundTruthData"' in first:
        return Format.SAGEMAKER
    known = _ENDINGS.get(Path(file.name.removesuffix(".gz")).suffix.lower())
    return Format(known) if known else Format.JSONL if first.lstrip().startswith("{") else Format.CSV


def _csv(file: Path, stream: TextIO, first: str, columns: Columns) -> Iterator[Row | Malformed]:
    lines = Lines(stream)
    reader = csv.reader(lines, delimiter=max(_DELIMITERS, key=first.count), strict=True)
    try:
        header = [name.strip() for name in next(reader)]
    except csv.Error as error:
        raise UsageError(f"{file} cannot be read as CSV: its first line: {error}") from error
    places = [_place(file, name, header) for name in (columns.id, columns.value, columns.at) if name]
    while True:
        line = lines.begun()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.back()
            yield Malformed(line=line, why=str(error))
            continue
        if not any(cells):
            continue
        if len(cells) != len(header):
            yield Malformed(line=line, why=f"{len(cells)} cells under {len(header)} columns")
        else:
            yield _row(line, *(cells[place] for place in places))


def _json(stream: TextIO, taken: Any) -> Iterator[Row | Malformed]:  # noqa: ANN401 - a function of what the line says
    for line, said in enumerate(stream, start=1):
        if not said.strip():
            continue
        try:
            document = msgspec.json.decode(said)
            yield _row(line, *taken(document)) if isinstance(document, dict) else Malformed(line=line, why="no object")
        except _Missing as error:
            yield Malformed(line=line, why=str(error))
        except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError):
            yield Malformed(line=line, why="not JSON")


def _parquet(file: Path, columns: Columns) -> Iterator[Row | Malformed]:
    import duckdb

    with duckdb.connect(config={"memory_limit": "256MB", "autoinstall_known_extensions": False}) as connection:
        try:
            header = [row[0] for row in connection.execute("DESCRIBE FROM read_parquet(?)", [str(file)]).fetchall()]
            names = [header[_place(file, name, header)] for name in (columns.id, columns.value, columns.at) if name]
            quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
            found = connection.execute(f"SELECT {quoted} FROM read_parquet(?)", [str(file)])  # noqa: S608 - quoted
            line = 0
            while rows := found.fetchmany(10_000):
                for line, cells in enumerate(rows, start=line + 1):  # noqa: B020 - goes on where it was
                    yield _row(line, *cells)
        except duckdb.Error as error:
            first = str(error).partition("\n")[0]
            raise UsageError(f"{file} cannot be read as Parquet: {first}") from error


class _Missing(Exception):
    """A line has no such member."""


def _member(said: Mapping[str, Any], columns: Columns) -> tuple[Any, ...]:
    for name in (columns.id, columns.value):
        if name not in said:
            raise _Missing(f"no {name!r}{_near(name, list(said))}")
    return said[columns.id], said[columns.value], said.get(columns.at) if columns.at else None


def _ground_truth(said: Mapping[str, Any]) -> tuple[Any, ...]:
    """SageMaker joins by `inferenceId` where the caller gave one, else by `eventId`."""
    truth, about = said.get("groundTruthData"), said.get("eventMetadata")
    if not isinstance(truth, dict) or not isinstance(about, dict):
        raise _Missing("no groundTruthData or no eventMetadata")
    key = about.get("inferenceId") or about.get("eventId")
    value, encoding = truth.get("data"), str(truth.get("encoding", "CSV")).upper()
    if encoding == "BASE64":
        value = base64.b64decode(str(value), validate=True).decode()
    elif encoding == "JSON" and isinstance(value, str):
        value = msgspec.json.decode(value)
    return key, value


def _row(line: int, key: object, value: object, at: object = None) -> Row | Malformed:
    name = "" if key is None else str(key).strip()
    if not name:
        return Malformed(line=line, why="no id")
    if value is None or value != value or (isinstance(value, str) and not value.strip()):  # noqa: PLR0124 - not a number
        return Malformed(line=line, why="no value")
    if _broken(f"{name}{value}"):
        return Malformed(line=line, why="not UTF-8")
    when = None if at is None else _moment(at)
    if at is not None and when is None:
        return Malformed(line=line, why=f"no time: {str(at)[:40]!r}")
    plain = value if isinstance(value, bool | int | float | str | list | dict) else str(value)
    return Row(line=line, id=name, value=plain, at=when)


def _broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _moment(at: object) -> float | None:
    """Seconds since the epoch, from a number or ISO 8601; a time without a zone is UTC."""
    try:
        if isinstance(at, str) and not at.replace(".", "", 1).strip().isdigit():
            at = datetime.fromisoformat(at.strip())
        if isinstance(at, datetime):
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        found = float(at)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _place(file: Path, name: str, header: list[str]) -> int:
    if name in header:
        return header.index(name)
    columns = ", ".join(header[:20])
    hint = f"Its columns are {columns}. Name others with --id-column and --value-column."
    raise UsageError(f"{file} has no column {name!r}{_near(name, header)}", hint=hint)


def _near(name: str, names: list[str]) -> str:
    from difflib import get_close_matches

    folded = {each.lower(): each for each in names}
    near = get_close_matches(name.lower(), list(folded), n=1)
    return f"; did you mean {folded[near[0]]!r}?" if near else ""
