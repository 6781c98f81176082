"""`mlship pause`: hold the traffic where it is; the guards go on."""

from __future__ import annotations

from typing import Annotated

import typer


def pause(
    service: Annotated[str | None, typer.Argument(help="The service; may be left out if there is only one.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "",
) -> None:
    """Hold the running rollout where it is; its guards go on."""
    from mlship.cli import orders

    name, rollout = orders.active(service)
    orders.request(name, rollout, "pause", reason=reason)
    typer.echo(f"{name}: paused in step {rollout.step + 1}; `mlship resume {name}` goes on")
