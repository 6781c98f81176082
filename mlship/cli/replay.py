"""`mlship replay`: a rollout decided again from its record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlship.engine.replay import Replayed
    from mlship.journal.store import Journal


def replay(
    rollout: Annotated[
        str | None,
        typer.Argument(help="Its id, or a service for its latest one; the only service's if left out."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object.")] = False,
) -> None:
    """Run the recorded numbers through today's gates: exit 0 where every verdict and decision comes out the same."""
    from dataclasses import asdict

    from mlship.cli import wiring
    from mlship.clock import SystemClock
    from mlship.engine.replay import replay as again
    from mlship.errors import Exit

    journal = wiring.open_journal(SystemClock())
    service, name = _found(journal, rollout)
    events = tuple(journal.read(service, rollout=name))
    replayed = again(events, wiring.recorded_plan(events))
    if as_json:
        import json

        typer.echo(json.dumps({"service": service, "rollout": name, **asdict(replayed)}))
    else:
        for line in _told(service, name, replayed):
            typer.echo(line)
    raise typer.Exit(Exit.UNEXPECTED if replayed.differences else Exit.DONE)


def _told(service: str, rollout: str, replayed: Replayed) -> Iterator[str]:
    """One line where all is the same; else the first difference, and how many there are."""
    from mlship.views import words

    looks, decisions = words.plural(replayed.looks, "look"), words.plural(replayed.decisions, "decision")
    subject = f"{service}, rollout {rollout}: {looks}, {decisions}"
    if not replayed.differences:
        yield f"{subject}: all come out the same"
        return
    first = replayed.differences[0]
    yield f"{subject}: {words.plural(len(replayed.differences), 'difference')}"
    when = f"first at look {first.look}, {words.local_time(first.at)}"
    yield f"{when}: {first.what} was {first.recorded}, today it is {first.today}"


def _found(journal: Journal, wanted: str | None) -> tuple[str, str]:
    """The service and the rollout that `wanted` names.

    Raises:
        UsageError: there is none, or nothing says which.
    """
    from mlship.cli import wiring
    from mlship.errors import UsageError

    services = journal.services()
    if wanted is None or wanted in services:
        service = wiring.only_service(journal, wanted)
        return service, journal.rollouts(service)[-1]
    for service in services:
        if wanted in journal.rollouts(service):
            return service, wanted
    raise UsageError(f"there is no rollout {wanted!r}", hint="`mlship history` lists them")
