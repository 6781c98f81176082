"""What happened last."""

from __future__ import annotations

from rich.text import Text

from mlship.views.feed import Feed
from mlship.views.paper import Paper
from mlship.views.words import local_time


def events(feed: Feed, paper: Paper, rows: int) -> list[Text]:
    """A title, then `rows` lines, the newest at the bottom."""
    last = feed.told[-rows:] if rows else ()
    lines = [paper.line(" ", paper.say(local_time(at), "dim"), "  ", paper.say(told)) for at, told in last]
    return [paper.rule("events"), *lines, *[Text()] * (rows - len(lines))]
