"""`mlship show`: one rollout in detail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlship.clock import Clock
    from mlship.journal.state import ServiceState


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
    state = wiring.state_of(journal, name)
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

    counts, manual = _counts(state, clock), wiring.signatures(state.rollout)
    emit(lambda paper: page(events, clock.now(), paper, counts, manual=manual), sys.stdout)


def _counts(state: ServiceState, clock: Clock) -> Mapping[str, int]:
    """What is kept of the service's answers; nothing where there are none, or another command has them open."""
    from mlship.cli import wiring
    from mlship.errors import MlshipError

    if state.rollout is None or not (wiring.state_folder() / "predictions" / state.service).is_dir():
        return {}
    try:
        kept = wiring.open_predictions(state.service, wiring.running_plan(state.rollout).capture, clock)
        return kept.counts() if kept.exists else {}
    except MlshipError:
        return {}
