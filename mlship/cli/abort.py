"""`mlship abort`: tell the running rollout to roll back."""

from __future__ import annotations

from typing import Annotated

import typer


def abort(
    service: Annotated[str | None, typer.Argument(help="The service; may be left out if there is only one.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "",
) -> None:
    """Tell the running rollout to roll back; `rollback` does not ask, it takes over."""
    from mlship.cli import orders

    name, rollout = orders.active(service)
    orders.request(name, rollout, "abort", reason=reason)
    typer.echo(f"{name}: told to roll back; `mlship status {name}` shows how far it is")
