"""`mlship validate`: every fault of a plan at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def validate(
    file: Annotated[Path, typer.Argument(help="The plan.")],
    var: Annotated[list[str] | None, typer.Option("--var", help="name=value for ${var:name}; may be repeated.")] = None,
) -> None:
    """Check a plan: its form, its meaning, and what its driver can do."""
    from mlship.cli import wiring

    plan = wiring.read_plan(file, var or ())
    stages = ", ".join(stage.name for stage in plan.stages) or "no stages"
    typer.echo(f"{file}: valid ({plan.service} on {plan.driver.name}: {stages})")
