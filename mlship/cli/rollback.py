"""`mlship rollback`: the traffic back to the last good model, now."""

from __future__ import annotations

from typing import Annotated

import typer


def rollback(
    service: Annotated[str | None, typer.Argument(help="The service; may be left out if there is only one.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Another model than the last good one.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "",
) -> None:
    """Bring all traffic back to the last good model. Needs no plan, asks nothing, waits for nobody."""
    from mlship.cli import incident

    incident.roll_back(service, to=to, reason=reason)
