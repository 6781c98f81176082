"""`mlship adopt`: the record of a service rebuilt from what its backend knows."""

from __future__ import annotations

from typing import Annotated

import typer


def adopt(
    service: Annotated[str, typer.Argument(help="The service.")],
    host: Annotated[str | None, typer.Option(help="The daemon, as DOCKER_HOST names it.")] = None,
    context: Annotated[str | None, typer.Option(help="The daemon, by the name of a Docker context.")] = None,
) -> None:
    """Take over a service whose state folder is lost or elsewhere. Whoever else is at work on it stops."""
    from mlship.cli.adoption import take

    settings = {name: value for name, value in (("host", host), ("context", context)) if value}
    taken = take(service, settings)
    typer.echo(f"{service}: adopted, {taken.live} is live; `mlship status {service}` tells the rest")
