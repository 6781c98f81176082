"""`mlship history`: the rollouts of a service."""

from __future__ import annotations

from typing import Annotated

import typer


def history(
    service: Annotated[str | None, typer.Argument(help="The service; may be left out if there is only one.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, newest first.")] = 20,
) -> None:
    """List the rollouts of a service: when, who, from what to what, how it ended and why."""
    import sys

    from mlship.cli import wiring
    from mlship.clock import SystemClock
    from mlship.views.history import history as page
    from mlship.views.page import emit

    journal = wiring.open_journal(SystemClock())
    name = wiring.only_service(journal, service)
    wiring.state_of(journal, name)
    states = [journal.state(name, rollout=rollout).rollout for rollout in journal.rollouts(name)[-limit:]]
    emit(lambda paper: page([state for state in states if state is not None], paper), sys.stdout)
