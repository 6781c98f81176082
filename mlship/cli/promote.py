"""`mlship promote`: sign off a manual gate, or move on to the next step."""

from __future__ import annotations

from typing import Annotated

import typer


def promote(
    service: Annotated[str | None, typer.Argument(help="The service; may be left out if there is only one.")] = None,
    full: Annotated[bool, typer.Option("--full", help="All the way, past every gate that has not failed.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "",
) -> None:
    """Sign off a waiting manual gate; where there is none, move on to the next step."""
    from mlship.cli import orders

    name, rollout = orders.active(service)
    unsigned = () if full else orders.unsigned(rollout)
    orders.request(name, rollout, "approve" if unsigned else "promote", reason=reason, full=full)
    typer.echo(f"{name}: signed off {', '.join(unsigned)}" if unsigned else f"{name}: moving on")
