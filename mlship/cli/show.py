"""`mlship show`: one rollout in detail."""

from __future__ import annotations

from typing import Annotated

import typer


def show(
    service: Annotated[str | None, typer.Argument(help="The service; may be left out if there is only one.")] = None,
    rollout: Annotated[str | None, typer.Option("--rollout", help="Its id; the latest if left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Its events, one JSON object per line.")] = False,
) -> None:
    """Show one rollout: how it ended, its steps, what the gates said, everything that happened."""
    import sys

    from mlship.cli import wiring
    from mlship.clock import SystemClock
    from mlship.errors import UsageError

    clock = SystemClock()
    journal = wiring.open_journal(clock)
    name = wiring.only_service(journal, service)
    wiring.state_of(journal, name)
    known = journal.rollouts(name)
    if rollout is not None and rollout not in known:
        raise UsageError(f"{name} has no rollout {rollout!r}", hint=f"`mlship history {name}` lists them")
    events = tuple(journal.read(name, rollout=rollout or known[-1]))
    if as_json:
        from mlship.views.jsonl import JsonView

        eyes = JsonView(sys.stdout)
        for recorded in events:
            eyes.show(recorded)
        return
    from mlship.views.page import emit
    from mlship.views.show import show as page

    emit(lambda paper: page(events, clock.now(), paper), sys.stdout)
