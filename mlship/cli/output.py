"""Which view a command prints through."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from mlship.clock import Clock
    from mlship.views.view import View


class Output(StrEnum):
    """Forms of the same events."""

    AUTO = "auto"
    RICH = "rich"
    PLAIN = "plain"
    JSON = "json"


def view(output: Output, *, service: str, clock: Clock, address: str = "") -> View:
    """A person at a terminal gets the dashboard; a pipe or CI gets plain lines."""
    if output is Output.AUTO:
        output = Output.RICH if sys.stdout.isatty() else Output.PLAIN
    match output:
        case Output.RICH:
            from rich.console import Console

            from mlship.journal.state import ServiceState
            from mlship.views.live import LiveView

            return LiveView(Console(), clock, ServiceState(service=service), address=address)
        case Output.JSON:
            from mlship.views.jsonl import JsonView

            return JsonView(sys.stdout)
        case _:
            from mlship.views.plain import PlainView

            return PlainView(sys.stdout)


def is_person() -> bool:
    """Somebody sits at a terminal and can answer a question."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def say(text: str) -> None:
    """A line for people, on stderr: stdout belongs to the view."""
    typer.echo(text, err=True)
