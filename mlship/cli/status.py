"""`mlship status`: where services stand."""

from __future__ import annotations

from typing import Annotated

import typer


def status(
    service: Annotated[str | None, typer.Argument(help="The service; all of them if left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The state as JSON.")] = False,
) -> None:
    """Show what is live, the rollout under way, its gates and the way back."""
    import sys

    from mlship.cli import wiring
    from mlship.clock import SystemClock

    clock = SystemClock()
    journal = wiring.open_journal(clock)
    names = (service,) if service else journal.services()
    states = [wiring.state_of(journal, name) for name in names]
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode([wiring.public(state) for state in states]).decode())
        return
    from mlship.views.page import emit
    from mlship.views.status import status as page

    emit(lambda paper: page(states, clock.now(), paper), sys.stdout)
    for state in states:
        if wiring.abandoned(journal, state):
            typer.echo(f"nobody is at work on {state.service}: `mlship resume {state.service}` goes on")
