"""`mlship plan`: what would happen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CHANGES = 2
"""Exit code of `--detailed-exitcode` where the plan would change something."""


def plan(
    file: Annotated[Path, typer.Argument(help="The plan.")],
    var: Annotated[list[str] | None, typer.Option("--var", help="name=value for ${var:name}; may be repeated.")] = None,
    detailed: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 0: no change, 1: error, 2: changes.")
    ] = False,
) -> None:
    """Show what would happen: drift, steps with weights and gates, times, requests at risk, the way back."""
    from mlship.cli import launch
    from mlship.cli.preview import print_preview
    from mlship.errors import Exit, MlshipError

    try:
        departure = launch.prepare(file, var or (), to_look=True)
    except MlshipError as error:
        if detailed:
            error.exit_code = Exit.UNEXPECTED
        raise
    if departure is not None:
        print_preview(departure)
        raise typer.Exit(CHANGES if detailed else Exit.DONE)
