"""The faults of a plan, each where it stands: `file:line:column: path: message`, the line itself, and a caret."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from mlship.plan.fault import Fault
from mlship.views.paper import Paper
from mlship.views.words import plural

_MOST_BYTES = 1_000_000
_SHOWN = 60
"""Columns of a source line that are shown around its fault."""


def lines_of(source: str) -> Sequence[str]:
    """The lines of a file; none where it cannot be read."""
    try:
        with Path(source).open("rb") as file:
            return file.read(_MOST_BYTES).decode("utf-8", "replace").split("\n")
    except (OSError, ValueError):
        return ()


def faults(found: Iterable[Fault], paper: Paper, read: Callable[[str], Sequence[str]] = lines_of) -> RenderableType:
    """Every fault with its source line, then their number."""
    every = tuple(found)
    texts = {fault.source: read(fault.source) for fault in every}
    shown = [line for fault in every for line in _fault(fault, texts[fault.source], paper)]
    return Group(*shown, paper.say(plural(len(every), "fault"), "bold"))


def _fault(fault: Fault, lines: Sequence[str], paper: Paper) -> Iterator[Text]:
    fit = paper.glyphs.fit
    yield Text.assemble(
        (fit(f"{fault.source}:{fault.line}:{fault.column}: "), "bold"),
        (fit(f"{fault.path}: ") if fault.path else "", "cyan"),
        (fit(fault.message), "red"),
    )
    if 1 <= fault.line <= len(lines):
        yield from _excerpt(lines[fault.line - 1], fault, paper)
    if fault.hint:
        yield Text.assemble(("  hint: ", "green"), fit(fault.hint))


def _excerpt(line: str, fault: Fault, paper: Paper) -> Iterator[Text]:
    start = max(0, fault.column - _SHOWN // 2) if len(line) > _SHOWN else 0
    shown = paper.glyphs.fit(line[start : start + _SHOWN]).rstrip()
    margin = " " * len(f"  {fault.line}")
    before = Text(paper.glyphs.fit(line[start : max(0, fault.column - 1)])).cell_len
    yield Text.assemble((f"  {fault.line} | ", "dim"), shown)
    yield Text.assemble((f"{margin} | ", "dim"), (" " * before + "^", "bold red"))
