"""`mlship down`: stop the router and every model of a service."""

from __future__ import annotations

from typing import Annotated

import typer


def down(
    service: Annotated[str | None, typer.Argument(help="The service; may be left out if there is only one.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop everything of a service, drained first. Its record stays."""
    from mlship.cli import wiring
    from mlship.cli.output import agreed, is_person
    from mlship.clock import SystemClock
    from mlship.errors import Exit
    from mlship.journal.events import TornDown
    from mlship.journal.holder import this_process

    clock = SystemClock()
    journal = wiring.open_journal(clock)
    state = wiring.state_of(journal, wiring.only_service(journal, service))
    if not yes and is_person():
        question = f"{state.service} serves users with {state.live}. Stop everything?"
        if not agreed(question):
            raise typer.Exit(Exit.USAGE)
    assert state.rollout is not None
    lease = journal.leases.acquire(state.service, this_process(), rollout=state.rollout.rollout)
    try:
        driver, _ = wiring.open_fleet(state, fence=lease.fence, clock=clock)
        driver.shutdown()
        journal.append(TornDown(by=wiring.myself()), lease=lease)
    finally:
        journal.leases.release(lease)
    typer.echo(f"{state.service}: everything is stopped; `mlship deploy PLAN` brings it up again")
