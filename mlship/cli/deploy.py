"""`mlship deploy`: carry a plan out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlship.cli.output import Output


def deploy(
    file: Annotated[Path, typer.Argument(help="The plan.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Work on in the background; `watch` shows it.")] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to print.")] = Output.AUTO,
    var: Annotated[list[str] | None, typer.Option("--var", help="name=value for ${var:name}; may be repeated.")] = None,
) -> None:
    """Carry a plan out, step by step, and go back if the candidate is worse. Exit 3: rolled back; 4: parked."""
    from mlship.cli import launch

    departure = launch.prepare(file, var or (), provide=True)
    if departure is None:
        return
    launch.confirm(departure, agreed_to=yes)
    if detach:
        launch.detach(departure, var or ())
        return
    raise typer.Exit(launch.launch(departure, output))
