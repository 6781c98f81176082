"""`mlship doctor`: is this machine fit, is everything as recorded, and is anything left over."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor(
    service: Annotated[str | None, typer.Argument(help="The service; all of them if left out.")] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Start what is missing, stop what is left over, route as recorded.")
    ] = False,
) -> None:
    """Check state folder, journal, router, drivers, services. Exit 1 if something is broken; changes nothing itself."""
    from mlship.cli.checkup import examine
    from mlship.errors import Exit

    if repair:
        from mlship.cli.repair import repair as put_right

        service = put_right(service)
    findings = list(examine(service))
    for finding in findings:
        typer.secho(f"{finding.mark:4} {finding.subject}: {finding.message}", fg=finding.colour)
        if finding.hint:
            typer.echo(f"     hint: {finding.hint}")
    if any(finding.mark == "FAIL" for finding in findings):
        raise typer.Exit(Exit.UNEXPECTED)
