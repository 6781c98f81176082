"""`mlship schema`: the JSON schema of plans or of events, for editors and other tools."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Subject(StrEnum):
    """Which schema."""

    PLAN = "plan"
    EVENT = "event"


def schema(
    subject: Annotated[
        Subject, typer.Argument(help="plan: what you write; event: what --output json prints.")
    ] = Subject.PLAN,
) -> None:
    """Print the JSON schema of plans, or of events."""
    from importlib.resources import files

    text = files("mlship").joinpath("schemas", f"{subject}.v1.json").read_text(encoding="utf-8")
    typer.echo(text, nl=not text.endswith("\n"))
