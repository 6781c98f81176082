"""`mlship doctor`: is this machine fit, is everything as recorded, and is anything left over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def doctor(
    service: Annotated[str | None, typer.Argument(help="The service; all of them if left out.")] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Start what is missing, stop what is left over, route as recorded.")
    ] = False,
    plan: Annotated[
        Path | None, typer.Option("--plan", help="A plan whose service need not be known: is its backend fit for it?")
    ] = None,
) -> None:
    """Check state folder, journal, router, drivers, services. Exit 1 if something is broken; changes nothing itself."""
    from mlship.cli.checkup import examine
    from mlship.errors import Exit

    if repair:
        from mlship.cli.repair import repair as put_right

        service = put_right(service)
    findings = list(examine(service, plan=plan))
    for finding in findings:
        typer.secho(f"{finding.mark:4} {finding.subject}: {finding.message}", fg=finding.colour)
        if finding.hint:
            typer.echo(f"     hint: {finding.hint}")
    if any(finding.mark == "FAIL" for finding in findings):
        raise typer.Exit(Exit.UNEXPECTED)
