"""Bytes to a tree: what is not text, and what is not YAML, said so that it can be found and mended."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from mlship.plan.document import MOST_DEPTH, Composer, Node
from mlship.plan.fault import Findings, Place, PlanError, refused, shown

if TYPE_CHECKING:
    from yaml.error import MarkedYAMLError

MOST_BYTES = 1024 * 1024

_START = {
    "plan": "`mlship init` writes a plan to start from",
    "world": "docs/simulate.md shows a world to start from",
}

_BINARY = re.compile(r"[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HELP = (
    ("mapping values", 'is the line indented rightly? A text that holds ": " must be quoted'),
    ("could not find expected ':'", "a key is followed by a colon and a space"),
    ("<document start>", "is the line indented rightly? Is a quote or a bracket left open above?"),
    ("block end", "is the line indented as the ones before it?"),
    ("end of stream", "a quote or a bracket is left open"),
    ("expected ',' or", "a bracket is left open, or a comma is missing; text with brackets must be quoted"),
    ("cannot start any token", "quote texts that begin with %, @ or a backtick"),
    ("undefined alias", "an alias needs an anchor (&name) before it; quote a text that begins with *"),
)


def read(path: Path, place: Place, *, kind: str = "plan") -> bytes:
    """The bytes of a file, at most one more than a plan may have; faults stand at `place` and say `kind`.

    Raises:
        PlanError: there is no such file, or it cannot be read.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise refused(place, f"{shown(path)} is {_type(mode)}, not a {kind}", "name a regular file")
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise refused(place, f"there is no file {shown(path)}", _START[kind]) from None
    except PermissionError:
        raise refused(place, f"this user may not read {shown(path)}", "check its permissions") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise refused(place, f"{shown(path)} cannot be read: {reason}") from None


def _type(mode: int) -> str:
    # A pipe or a device may never end, and its folder says nothing about where a plan's paths start.
    return "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"


def tree(data: bytes, source: str, findings: Findings, *, kind: str = "plan") -> Node:
    """The one mapping that a plan is, or another `kind` of file.

    Raises:
        PlanError: it is not that.
    """
    text = _decoded(data, source, kind)
    root = _composed(text, Composer(findings, source, kind), source)
    if root is None:
        raise refused(Place(source), f"the file holds no {kind}", _START[kind])
    if not isinstance(root.value, dict):
        raise refused(root.place, f"a {kind} is a mapping; got {shown(root.value)}", "begin with `version: 1`")
    return root


def _decoded(data: bytes, source: str, kind: str) -> str:
    if len(data) > MOST_BYTES:
        raise refused(
            Place(source), f"is larger than {MOST_BYTES // 1024} KiB", f"a {kind} is a page of text: right file?"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place(data[: error.start].decode("utf-8", "replace"), source)
        raise refused(place, f"is not UTF-8 text: byte 0x{data[error.start]:02x}", "save it as UTF-8") from None
    strange = _BINARY.search(text)
    if strange:
        place = _place(text[: strange.start()], source)
        raise refused(place, f"is not a text file: it holds the character U+{ord(strange[0]):04X}", "right file?")
    return text


def _place(before: str, source: str) -> Place:
    lines = before.split("\n")
    return Place(source, len(lines), len(lines[-1]) + 1)


def _composed(text: str, composer: Composer, source: str) -> Node | None:
    import yaml

    loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error, text, source) from None
    except yaml.YAMLError as error:
        raise refused(Place(source), f"is not YAML: {shown(str(error))}") from None
    return composer.root


def _not_yaml(error: MarkedYAMLError, text: str, source: str) -> PlanError:
    mark = error.problem_mark or error.context_mark
    place = Place(source, mark.line + 1, mark.column + 1) if mark else Place(source)
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent:
        return refused(Place(source, place.line, indent.index("\t") + 1), "a tab; indent with spaces")
    problem = f"{error.context or ''} {error.problem or ''}".strip()
    help_ = next((hint for sign, hint in _HELP if sign in problem), "")
    if "nesting depth" in str(error.problem):
        return refused(place, f"nested deeper than {MOST_DEPTH} levels", help_)
    return refused(place, f"is not YAML: {error.problem or error.context or 'unreadable'}", help_)
