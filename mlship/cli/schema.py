"""`mlship schema`: the JSON schemas of plans, worlds and events, for editors and other tools."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Subject(StrEnum):
    """Which schema."""

    PLAN = "plan"
    EVENT = "event"
    WORLD = "world"


def schema(
    subject: Annotated[
        Subject,
        typer.Argument(
            help="plan: what you write; event: what --output json prints; world: what `simulate --world` reads."
        ),
    ] = Subject.PLAN,
) -> None:
    """Print the JSON schema of plans, of events, or of worlds."""
    from importlib.resources import files

    text = files("mlship").joinpath("schemas", f"{subject}.v1.json").read_text(encoding="utf-8")
    typer.echo(text, nl=not text.endswith("\n"))
