"""Pages that are printed once: drawn for the terminal that is there, or as plain text into a pipe."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import TextIO

from rich.console import Console, RenderableType

from mlship.views.glyphs import for_stream
from mlship.views.paper import Paper

PIPE_WIDTH = 160
"""Columns for readers that have none of their own."""


def emit(draw: Callable[[Paper], RenderableType], stream: TextIO, *, width: int | None = None) -> None:
    """Print what `draw` makes of the paper at hand: in colour on a terminal, as plain text elsewhere."""
    if not stream.isatty():
        stream.write(text(draw, Paper(width=width or PIPE_WIDTH, glyphs=for_stream(stream)), wrap=False))
        return
    console = Console(file=stream, width=width, highlight=False, markup=False)
    console.print(draw(Paper(width=console.width, glyphs=for_stream(stream))))


def text(draw: Callable[[Paper], RenderableType], paper: Paper, *, wrap: bool = True) -> str:
    """The page as plain text; without `wrap`, a sentence is one line however long, as `grep` likes it."""
    buffer = StringIO()
    console = Console(file=buffer, width=paper.width, color_system=None, highlight=False, markup=False)
    console.print(draw(paper), soft_wrap=not wrap)
    return "".join(f"{line.rstrip()}\n" for line in buffer.getvalue().splitlines())
