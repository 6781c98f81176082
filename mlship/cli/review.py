"""`mlship review`: judge a promotion again, by labels that came after it."""

from __future__ import annotations

from typing import Annotated

import typer


def review(
    service: Annotated[str | None, typer.Argument(help="The service; may be left out if there is only one.")] = None,
) -> None:
    """Judge a promotion again by late labels; rolls back if the plan's watch-labels says so. For cron, too."""
    from mlship.cli import reopening, wiring
    from mlship.clock import SystemClock

    clock = SystemClock()
    journal = wiring.open_journal(clock)
    name = wiring.only_service(journal, service)
    if not reopening.reopen(journal, name, clock):
        raise reopening.nothing_to_review(journal, name)
