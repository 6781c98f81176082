"""`mlship resume`: go on with a rollout that was parked, paused, or cut short."""

from __future__ import annotations

from typing import Annotated

import typer

from mlship.cli.output import Output


def resume(
    service: Annotated[str | None, typer.Argument(help="The service; may be left out if there is only one.")] = None,
    once: Annotated[bool, typer.Option("--once", help="One decision, then exit: for cron and CI schedules.")] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to print.")] = Output.AUTO,
) -> None:
    """Go on with a rollout that was parked, paused or cut short by a crash."""
    from mlship.cli import orders, wiring
    from mlship.cli.conduct import conduct
    from mlship.cli.output import view
    from mlship.clock import SystemClock
    from mlship.journal.events import Taken

    name, rollout = orders.active(service)
    clock = SystemClock()
    journal = wiring.open_journal(clock)
    if rollout.paused and journal.leases.current(name) is not None:
        orders.request(name, rollout, "resume")
        typer.echo(f"{name}: the run at work goes on")
        return
    orders.refuse_incomplete(name, rollout)
    ended = conduct(
        journal,
        service=name,
        rollout=rollout.rollout,
        opening=lambda: Taken(by=wiring.myself(), reason="schedule" if once else "resume"),
        view=view(output, wiring.running_plan(rollout), clock=clock),
        clock=clock,
        once=once,
    )
    raise typer.Exit(ended)
