"""Tables of the pages that are printed once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table

from mlship.views.paper import Paper


def table(paper: Paper, heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: frozenset[str]) -> Table:
    """Columns without lines between them; those in `numbers` are set to the right, empty ones are left out."""
    body = [list(row) for row in rows]
    kept = [place for place in range(len(heads)) if any(row[place] for row in body)]
    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place in kept:
        drawn.add_column(
            paper.say(heads[place], "dim"), justify="right" if heads[place] in numbers else "left", overflow="fold"
        )
    for row in body:
        cells = [paper.say(row[place]) for place in kept]
        for cell in cells:
            cell.no_wrap = None
        drawn.add_row(*cells)
    return drawn
