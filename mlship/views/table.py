"""Tables of the pages that are printed once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from mlship.views.paper import Paper

_FIRM = 24
"""Most columns of a firm column."""


def table(
    paper: Paper,
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: frozenset[str],
    firm: frozenset[str] = frozenset(),
) -> Table:
    """Columns without lines between them; empty ones are left out, a cell may have several lines.

    Those in `numbers` are set to the right, those in `firm` are not folded unless they are wide.
    """
    body = [list(row) for row in rows]
    kept = [place for place in range(len(heads)) if any(row[place] for row in body)]
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place in kept:
        widest = max((len(line) for row in body for line in row[place].split("\n")), default=0)
        drawn.add_column(
            paper.say(heads[place], "dim"),
            justify="right" if heads[place] in numbers else "left",
            overflow="fold",
            no_wrap=heads[place] in firm and widest <= _FIRM,
        )
    for row in body:
        drawn.add_row(*(_cell(paper, row[place]) for place in kept))
    return drawn


def _cell(paper: Paper, text: str) -> Text:
    cell = Text("\n").join(paper.say(line) for line in text.split("\n"))
    cell.no_wrap = None
    return cell
