"""Lines of fixed width: what the dashboard is drawn on. Nothing here reflows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import zip_longest

import msgspec
from msgspec.structs import replace
from rich.text import Text

from mlship.views.glyphs import UNICODE, Glyphs

READABLE = 110
"""Columns beyond which a page that is printed once does not spread."""

WIDE = 130
"""Columns from which two panels stand side by side."""


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """Room to draw on, in columns and lines."""

    width: int
    height: int | None = None
    """None: as long as it gets."""
    glyphs: Glyphs = UNICODE

    def say(self, text: str, style: str = "") -> Text:
        """`text` in characters that the terminal can show."""
        return Text(self.glyphs.fit(text), style=style, no_wrap=True)

    def cell(self, text: str, width: int, style: str = "", *, right: bool = False) -> Text:
        """`text` in exactly `width` columns."""
        said = self.clip(self.say(text, style), width)
        padding = width - said.cell_len
        if right:
            said.pad_left(padding)
        else:
            said.pad_right(padding)
        return said

    def line(self, *parts: Text | str) -> Text:
        """Parts one after the other, cut at the edge of the paper."""
        joined = Text(no_wrap=True)
        for part in parts:
            joined.append_text(self.say(part) if isinstance(part, str) else part)
        return self.clip(joined, self.width)

    def spread(self, left: Text, right: Text) -> Text:
        """One part at each edge; the left one gives way where both do not fit."""
        room = self.width - right.cell_len - 1
        if room < self.width // 3:
            return self.clip(left, self.width)
        left = self.clip(left, room)
        return self.line(left, " " * (self.width - left.cell_len - right.cell_len), right)

    def clip(self, text: Text, width: int) -> Text:
        """`text` in at most `width` columns, marked where something was cut off."""
        if text.cell_len <= width:
            return text
        short = text.copy()
        short.truncate(max(0, width - 1), overflow="crop")
        if width > 0:
            short.append(self.glyphs.cut)
        return short

    def rule(self, title: str, note: str = "") -> Text:
        """A line with a title at the left and a note at the right."""
        sign = self.glyphs.rule
        left = self.line(self.say(f"{sign}{sign} ", "dim"), self.say(title, "bold"), " ")
        right = self.line(" ", self.say(note, "dim"), self.say(f" {sign}", "dim")) if note else Text()
        gap = self.width - left.cell_len - right.cell_len
        if gap < 0:
            return self.rule(title) if note else self.clip(left, self.width)
        return self.line(left, self.say(sign * gap, "dim"), right)

    def bar(self, portion: float, width: int, style: str = "") -> Text:
        """A bar of `width` columns, filled up to `portion` of 0..1, in eighths where the terminal has them."""
        parts = len(self.glyphs.eighths)
        # In this order what is not a number is an empty bar.
        filled = math.floor(min(max(0.0, portion), 1.0) * width * parts)
        whole, rest = divmod(filled, parts)
        drawn = self.glyphs.full * whole + (self.glyphs.eighths[rest] if rest else "")
        return self.line(self.say(drawn, style), self.say(self.glyphs.empty * (width - len(drawn)), "dim"))

    def trend(self, values: Sequence[float | None], width: int, top: float, style: str = "") -> Text:
        """The last `width` values as small columns, the newest at the right; gaps stay empty."""
        levels = self.glyphs.levels
        signs = [" " if value is None else levels[_level(value, top, len(levels))] for value in values[-width:]]
        return self.say("".join(signs).rjust(width), style)

    def part(self, width: int) -> Paper:
        """A strip of this paper."""
        return replace(self, width=width, height=None)


def beside(paper: Paper, left: Sequence[Text], right: Sequence[Text], start: int) -> list[Text]:
    """Two strips next to each other; the right one begins at column `start`."""
    rows = zip_longest(left, right, fillvalue=Text())
    return [
        paper.line(paper.clip(one, start), " " * max(0, start - one.cell_len), other) if other.cell_len else one
        for one, other in rows
    ]


def _level(value: float, top: float, levels: int) -> int:
    if top <= 0 or value <= 0:
        return 0
    return min(levels - 1, max(1, math.ceil(value / top * (levels - 1))))
