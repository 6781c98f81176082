"""A rule in the words of a command line: `never header:x-tier=free`, `users:alice,bob percentage:10%`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mlship.errors import UsageError
from mlship.plan.userlist import MARK

HINT = (
    "words of a rule: never, header:NAME=VALUE, cookie:NAME=A,B, query:NAME~PATTERN, header:NAME (is there), "
    "no:header:NAME (is not there), users:alice,bob, users:file:PATH, percentage:10%"
)

_MOST_USERS = 5
_PARTS = ("header", "cookie", "query")


def rule_of(words: Iterable[str]) -> dict[str, Any]:
    """The rule as a plan would write it; what is wrong inside of it is for the plan's checks to say.

    Raises:
        UsageError: a word says nothing that a rule could.
    """
    inside: dict[str, Any] = {}
    never = False
    for word in words:
        if word == "never":
            never = True
        else:
            _add(inside, word)
    return {"never": inside} if never else inside


def _add(rule: dict[str, Any], word: str) -> None:
    absent = word.startswith("no:")
    kind, _, rest = word.removeprefix("no:").partition(":")
    match kind:
        case "percentage" if rest and not absent:
            rule["percentage"] = rest
        case "users" if rest and not absent:
            rule["users"] = rest if rest.startswith(MARK) else rest.split(",")
        case _ if kind in _PARTS and rest:
            name, wanted = ({rest: {"absent": True}} if absent else _wanted(rest)).popitem()
            _once(rule.setdefault(kind, {}), name, wanted, word)
        case _:
            raise UsageError(f"{word!r} is no part of a rule", hint=HINT)


def _once(entries: dict[str, Any], name: str, wanted: object, word: str) -> None:
    if name in entries:
        raise UsageError(f"{word!r}: {name} is in the rule already", hint="several values: NAME=A,B")
    entries[name] = wanted


def _wanted(text: str) -> dict[str, Any]:
    marks = [mark for mark in (text.find("="), text.find("~")) if mark > 0]
    if not marks:
        return {text: {"absent": False}}
    name, sign, value = text[: min(marks)], text[min(marks)], text[min(marks) + 1 :]
    if sign == "~":
        return {name: {"matches": value}}
    values = value.split(",")
    return {name: values if len(values) > 1 else value}


def said(rule: Mapping[str, Any]) -> str:
    """What `mlship flag add` would be given to make this rule."""
    inside = rule.get("never", rule)
    words = ["never"] if "never" in rule else []
    for kind in _PARTS:
        words += [_said(kind, name, wanted) for name, wanted in inside.get(kind, {}).items()]
    users = inside.get("users", [])
    if users:
        words.append(
            f"users:{','.join(users)}" if len(users) <= 5 else f"users:{','.join(users[:3])},... ({len(users)})"
        )
    if "percentage" in rule:
        words.append(f"percentage:{rule['percentage']}")
    return " ".join(words)


def _said(kind: str, name: str, wanted: object) -> str:
    match wanted:
        case {"matches": pattern}:
            return f"{kind}:{name}~{pattern}"
        case {"absent": absent}:
            return f"{'no:' if absent else ''}{kind}:{name}"
        case list():
            return f"{kind}:{name}={','.join(wanted)}"
        case _:
            return f"{kind}:{name}={wanted}"
