"""`mlship flag`: see and change the rules of a running feature flag."""

from __future__ import annotations

from typing import Annotated

import typer

ACTIONS = ("list", "add", "remove", "set", "users")


def flag(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SERVICE] [list | add WORD... | remove N... | set | users add|remove ID...]",
            help="add: never, header:NAME=VALUE, cookie:NAME=A,B, query:NAME~PATTERN, header:NAME, no:header:NAME, "
            "users:alice,bob, users:file:PATH, percentage:10%; all words of a rule must hold. remove: numbers, or all.",
            show_default=False,
        ),
    ] = None,
    percentage: Annotated[
        str | None, typer.Option("--percentage", help="With set: the new share of the users.")
    ] = None,
    rule: Annotated[int | None, typer.Option("--rule", help="With set and users: which rule, by number.")] = None,
    at: Annotated[int | None, typer.Option("--at", help="With add: the place of the new rule.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "",
    output: Annotated[str, typer.Option("--output", help="plain or json.")] = "plain",
) -> None:
    """See or change who gets the candidate while a feature-flag stage runs; the first rule that matches decides."""
    from mlship.cli import reflag
    from mlship.errors import UsageError

    given = list(words or ())
    service = given.pop(0) if given and given[0] not in ACTIONS else None
    action = given.pop(0) if given else "list"
    if output not in {"plain", "json"}:
        raise UsageError(f"--output {output}: expected plain or json")
    if action not in ACTIONS:
        raise UsageError(f"flag {action}: no such action", hint=f"actions: {', '.join(ACTIONS)}")
    change = reflag.Change(action=action, words=tuple(given), percentage=percentage, rule=rule, at=at)
    typer.echo(reflag.reflag(service, change, reason=reason).text(as_json=output == "json"))
