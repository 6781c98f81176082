"""A new rollout: checked, shown, asked for, then conducted here or in the background."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import typer

from mlship.cli import wiring
from mlship.cli.conduct import conduct
from mlship.cli.departure import live_model
from mlship.cli.output import Output, agreed, is_person, view
from mlship.clock import SystemClock
from mlship.errors import Exit, MlshipError, OutOfReach, ServiceHeld
from mlship.journal.events import Started
from mlship.journal.served import has_served
from mlship.journal.store import Journal, new_rollout_id
from mlship.plan.model import Plan
from mlship.strategies import compile_plan

PATIENCE = 30.0
"""Seconds that a background run gets to take the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """A plan that can be carried out now."""

    file: Path
    plan: Plan
    live: str
    journal: Journal
    clock: SystemClock


def prepare(file: Path, variables: Iterable[str], *, to_look: bool = False, provide: bool = False) -> Departure | None:
    """Check everything that can be checked before anything is touched; None where there is nothing to do.

    With `provide` what models are made of is fetched or built.

    Raises:
        PlanError: the plan has faults.
        ServiceHeld: another process is at work on the service, and this is not only `to_look`.
        UsageError: the plan does not fit what is live.
    """
    clock = SystemClock()
    plan = wiring.read_plan(file, variables)
    journal = wiring.open_journal(clock)
    if not to_look:
        refuse_held(journal, plan.service)
    state = journal.state(plan.service)
    plan = wiring.pinned(plan, state, base=file.absolute().parent, provide=provide, clock=clock)
    live = live_model(plan, state, served=lambda: has_served(journal.read(plan.service)), to_look=to_look)
    if live is None:
        typer.echo(f"{plan.service}: nothing to do, {state.live} is live")
        return None
    return Departure(file=file, plan=plan, live=live, journal=journal, clock=clock)


def refuse_held(journal: Journal, service: str) -> None:
    """Say who is at work on the service.

    Raises:
        ServiceHeld: somebody is.
    """
    lease = journal.leases.current(service)
    if lease is not None:
        raise ServiceHeld(
            f"{service} is held by {lease.holder}, rollout {lease.rollout}",
            hint=f"`mlship watch {service}` shows it; `mlship rollback {service}` takes the service over at once",
        )


def confirm(departure: Departure, *, agreed_to: bool = False) -> None:
    """Show what would happen, and ask; where nobody can answer, warn and go on: a CI step has decided already."""
    if agreed_to or not is_person():
        _warn(departure)
        return
    from mlship.cli.preview import print_preview

    print_preview(departure)
    if not agreed("\nGo ahead?"):
        raise typer.Exit(Exit.USAGE)


def _warn(departure: Departure) -> None:
    if departure.plan.driver.name == "sagemaker" or any(model.container for model in departure.plan.models.values()):
        from mlship.cli.preview import warn

        warn(departure)


def launch(departure: Departure, output: Output) -> Exit:
    """Conduct the rollout in this process."""
    plan, clock, journal = departure.plan, departure.clock, departure.journal
    rollout = new_rollout_id(clock)

    def started() -> Started:
        state = journal.state(plan.service)
        live = live_model(plan, state, served=lambda: has_served(journal.read(plan.service)))
        if live != departure.live:
            raise ServiceHeld(
                f"{plan.service} has changed since the plan was checked", hint="run it again to see what is left to do"
            )
        return Started(
            plan=plan.document,
            base=str(departure.file.absolute().parent),
            compiled=compile_plan(plan, live=live, salt=rollout),
            by=wiring.myself(),
        )

    return conduct(
        journal,
        service=plan.service,
        rollout=rollout,
        opening=started,
        view=view(output, plan, clock=clock),
        clock=clock,
    )


def detach(departure: Departure, variables: Iterable[str]) -> None:
    """Start the same command in the background and wait until it holds the service.

    Raises:
        MlshipError: it ended without a rollout, or did not take the service in time.
    """
    service, clock = departure.plan.service, departure.clock
    log = wiring.private_folder("logs") / f"{service}.log"
    before = departure.journal.rollouts(service)
    words = [sys.executable, "-m", "mlship", "deploy", str(departure.file), "--yes", "--output", "plain"]
    for variable in variables:
        words += ["--var", variable]
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as sink:
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
    until = clock.now() + PATIENCE
    while True:
        # Asked before the journal is: a run that ends at once has recorded by then that it took the service.
        ended = child.poll()
        if departure.journal.rollouts(service) != before or ended == Exit.DONE:
            break
        if ended is not None or clock.now() > until:
            raise _not_taken(service, ended, log)
        clock.sleep(0.1)
    if ended is None:
        shown = f"process {child.pid} is at work; `mlship watch {service}` shows it"
    else:
        shown = f"the background run has ended; `mlship status {service}` tells how"
    typer.echo(f"{service}: {shown}, {log} keeps its lines")


def _not_taken(service: str, ended: int | None, log: Path) -> MlshipError:
    """What to raise for a background run without a rollout; its exit code is that of the run."""
    late, over = f"has not taken the service in {PATIENCE:g} s", f"ended with exit code {ended}; nothing was begun"
    error = OutOfReach(f"{service}: the background run {late if ended is None else over}", hint=f"read {log}")
    if ended in set(Exit):
        error.exit_code = Exit(ended)
    return error
