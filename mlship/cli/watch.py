"""`mlship watch`: the dashboard of a run in another process."""

from __future__ import annotations

from typing import Annotated

import typer

from mlship.cli.output import Output

PATIENCE = 4
"""Quarters of a second without a run at work after which nobody is waited for."""


def watch(
    service: Annotated[str | None, typer.Argument(help="The service; may be left out if there is only one.")] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to print.")] = Output.AUTO,
) -> None:
    """Follow a rollout until it is over, and end as it does; Ctrl-C ends the watching, not the rollout."""
    from contextlib import closing

    from mlship.cli import wiring
    from mlship.cli.endings import EXITS
    from mlship.cli.output import say, view
    from mlship.cli.streams import reader_is_gone
    from mlship.clock import SystemClock
    from mlship.errors import Exit
    from mlship.journal.fold import apply
    from mlship.journal.status import Status

    clock = SystemClock()
    journal = wiring.open_journal(clock)
    state = wiring.state_of(journal, wiring.only_service(journal, service))
    assert state.rollout is not None
    rollout, seen, alone = state.rollout, 0, 0
    with closing(view(output, wiring.running_plan(rollout), clock=clock)) as eyes:
        while True:
            for recorded in journal.read(state.service, after=seen, rollout=rollout.rollout):
                seen = recorded.seq
                state = apply(state, recorded)
                eyes.show(recorded)
            rollout = state.rollout or rollout
            if reader_is_gone():
                return
            if rollout.status.over or rollout.status is Status.PARKED:
                raise typer.Exit(EXITS[rollout.status])
            alone = 0 if journal.leases.current(state.service) else alone + 1
            if alone > PATIENCE:
                say(f"nobody is at work on {state.service}: `mlship resume {state.service}` goes on")
                raise typer.Exit(Exit.PARKED)
            clock.sleep(0.25)
