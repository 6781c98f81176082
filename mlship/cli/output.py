"""Which view a command prints through."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, ParamSpec, TextIO

import typer

from mlship.errors import Exit

if TYPE_CHECKING:
    from mlship.clock import Clock
    from mlship.plan.model import Plan
    from mlship.views.view import View


P = ParamSpec("P")


class Output(StrEnum):
    """Forms of the same events."""

    AUTO = "auto"
    RICH = "rich"
    PLAIN = "plain"
    JSON = "json"


def view(output: Output, plan: Plan, *, clock: Clock) -> View:
    """A person at a terminal gets the dashboard; a pipe or CI gets plain lines."""
    if output is Output.AUTO:
        output = Output.RICH if sys.stdout.isatty() else Output.PLAIN
    match output:
        case Output.RICH:
            from rich.console import Console

            from mlship.journal.state import ServiceState
            from mlship.plan.gatebook import signatures
            from mlship.views.feed import Feed
            from mlship.views.live import LiveView

            address = str(plan.driver.settings.get("listen", ""))
            feed = Feed(address=address, manual=signatures(plan.gates))
            return LiveView(Console(), clock, ServiceState(service=plan.service), feed=feed)
        case Output.JSON:
            from mlship.views.jsonl import JsonView

            return JsonView(sys.stdout)
        case _:
            from mlship.views.plain import PlainView

            return PlainView(sys.stdout)


def is_person() -> bool:
    """Somebody sits at a terminal and can answer a question."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def unbroken(show: Callable[P, None], stream: TextIO | None = None) -> Callable[P, None]:
    """`show`, for a reader that may go away: a closed pipe or a dead terminal never stops a rollout or a rollback."""

    def shown(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            show(*args, **kwargs)
        except (OSError, ValueError):
            _to_nowhere(stream or sys.stdout)

    return shown


def _to_nowhere(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(text: str) -> None:
    """A line for people, on stderr: stdout belongs to the view."""
    unbroken(_print_to_stderr, sys.stderr)(text)


def _print_to_stderr(text: str) -> None:
    # Not typer's: it writes past the dashboard, which then draws over the line, and over others of its own.
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def agreed(question: str) -> bool:
    """What a person answers; Ctrl-C and a closed terminal are an interruption, not an answer."""
    try:
        return typer.confirm(question)
    except typer.Abort:
        raise typer.Exit(Exit.INTERRUPTED) from None
