"""Lists of users beside a plan: one per line; empty lines and lines that begin with `#` say nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mlship.plan.fault import Place, shown

MOST_BYTES = 16 * 1024 * 1024
MOST_USERS = 200_000
MARK = "file:"

_USER = re.compile(r"[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]{0,198}[^\x00-\x20\x7f])?")

Complain = Callable[[Place, str, str], None]


def read_users(reference: str, *, base: Path, at: Place, complain: Complain) -> list[str]:
    """The users in the file that `file:PATH` names.

    `complain` gets (place, message, hint) for all that is wrong, at `at` where it is about the file as a whole.
    """
    path = base / reference.removeprefix(MARK)
    source = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        complain(at, f"{source} cannot be read: {error.strerror}", "paths start from the plan's folder")
        return []
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        complain(Place(source, line), "is no UTF-8 text", "write one user per line")
        return []
    if len(data) > MOST_BYTES:
        complain(at, f"{source} is longer than {MOST_BYTES // 1024**2} MiB", "")
        return []
    found = [(Place(source, number, 1), user) for number, user in _lines(text)]
    if not found:
        complain(at, f"{source} names no user", "write one per line")
    check_users(found, complain)
    return [user for _, user in found]


def check_users(users: Iterable[tuple[Place, str]], complain: Complain) -> None:
    """Complain of names that no request can carry, and of those that come twice."""
    first: dict[str, Place] = {}
    for place, user in users:
        if not _USER.fullmatch(user):
            complain(place, f"no user can be called {shown(user)}", "1 to 200 characters, no blanks at the ends")
        elif user in first:
            complain(place, f"{shown(user)} comes twice: see line {first[user].line}", "remove one")
        first.setdefault(user, place)
    if len(first) > MOST_USERS:
        complain(place, f"more than {MOST_USERS} users", "use a percentage, or a header that the application sets")


def with_users(document: Mapping[str, Any], *, base: Path) -> Mapping[str, Any]:
    """The document with each list of users in place of the file that holds it: what a record must keep."""
    stages = [_filled(stage, base) for stage in document.get("stages", ())]
    return {**document, "stages": stages} if stages != document.get("stages", []) else document


def _filled(stage: Mapping[str, Any], base: Path) -> Mapping[str, Any]:
    if "rules" not in stage:
        return stage
    return {**stage, "rules": [_rule(rule, base) for rule in stage["rules"]]}


def _rule(rule: Mapping[str, Any], base: Path) -> Mapping[str, Any]:
    if "never" in rule:
        return {**rule, "never": _rule(rule["never"], base)}
    users = rule.get("users")
    if not isinstance(users, str):
        return rule
    return {**rule, "users": read_users(users, base=base, at=Place(""), complain=lambda *_: None)}


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        user = line.strip(" \t\r")
        if user and not user.startswith("#"):
            yield number, user
