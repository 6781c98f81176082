"""`mlship doctor`: is this machine fit, and is anything left over."""

from __future__ import annotations

import typer


def doctor() -> None:
    """Check state folder, journal, router, drivers and leftovers; changes nothing. Exit 1 where something is broken."""
    from mlship.cli.checkup import examine
    from mlship.errors import Exit

    findings = list(examine())
    for finding in findings:
        typer.secho(f"{finding.mark:4} {finding.subject}: {finding.message}", fg=finding.colour)
        if finding.hint:
            typer.echo(f"     hint: {finding.hint}")
    if any(finding.mark == "FAIL" for finding in findings):
        raise typer.Exit(Exit.UNEXPECTED)
