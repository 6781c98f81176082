"""`mlship status`: where services stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mlship.clock import Clock
    from mlship.journal.state import ServiceState
    from mlship.journal.store import Journal
    from mlship.views.feed import Feed


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

    feeds = _feeds(journal, states)
    alone = {state.service for state in states if wiring.abandoned(journal, state)}
    emit(lambda paper: page(states, clock.now(), paper, feeds, unattended=alone), sys.stdout)
    if not states:
        # In a pipe, too, the answer comes before the hint.
        sys.stdout.flush()
        typer.echo(f"  hint: {wiring.nothing_found()}", err=True)
    for state in states:
        if state.service in alone:
            typer.echo(f"nobody is at work on {state.service}: `mlship resume {state.service}` goes on")
        _tell_differences(journal, state, clock)


def _feeds(journal: Journal, states: list[ServiceState]) -> dict[str, Feed]:
    """What the state does not hold: gates to sign, answers of challengers; only for a page about one service."""
    rollout = states[0].rollout if len(states) == 1 else None
    if rollout is None:
        return {}
    from mlship.cli import wiring
    from mlship.views.feed import Feed
    from mlship.views.show import follow

    service, manual = states[0].service, wiring.signatures(rollout)
    if not any(step.challengers for step in rollout.compiled.steps):
        return {service: Feed(manual=manual)}
    return {service: follow(journal.read(service, rollout=rollout.rollout), manual)[1]}


def _tell_differences(journal: Journal, state: ServiceState, clock: Clock) -> None:
    """What is not as recorded although nobody is at work: nobody will put it right by himself."""
    from mlship.cli.world import differences

    if state.down or journal.leases.current(state.service) is not None:
        return
    found, hint = differences(state, clock)
    for difference in found:
        typer.secho(f"{state.service}: {difference}", fg="yellow")
    if found:
        typer.echo(f"  hint: {hint}")
