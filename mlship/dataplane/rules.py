"""Rules as matches of Envoy's routes.

A rule is one route, or one per kind of user where it asks who the user is. A list of values is a Lua table that
Envoy looks a value up in: a regular expression of thousands of names would be refused, a route for each be asked one
after the other. The percentage of a rule is drawn with a salt of its own, so that it says nothing about the split.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from mlship.dataplane.assignment import COOKIE, Kind, Matcher, kinds
from mlship.plan.routing import WHOLE, Routing
from mlship.plan.rule import Condition, Part, Rule

_LUA = "type.googleapis.com/envoy.extensions.string_matcher.lua.v3.Lua"
_SALT = "flag/"
_ANYTHING = {"safe_regex": {"regex": ".*"}}


class RuleRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One route of a rule."""

    name: str
    match: dict[str, Any]
    segments: tuple[tuple[str, int], ...]
    """Where it leads, as in a Routing: the rule's model first, then the others' one."""
    unit: dict[str, Any] | None = None
    """What the share is drawn by, as Envoy's hash policy."""
    cookie: str | None = None
    """The cookie that comes with the answer."""


def rule_routes(routing: Routing) -> Iterator[RuleRoute]:
    """The routes of all rules, in their order."""
    for place, rule in enumerate(routing.rules):
        segments = _segments(rule, routing)
        for kind in _kinds(rule, routing):
            yield RuleRoute(
                name=f"rule-{place}-{kind.name}" if kind else f"rule-{place}",
                match=_match(rule, kind, routing.assign_by),
                segments=segments,
                unit=kind.policy if kind and len(segments) > 1 else None,
                cookie=kind.cookie if kind else None,
            )


def _segments(rule: Rule, routing: Routing) -> tuple[tuple[str, int], ...]:
    parts = ((rule.model, rule.share), (routing.segments[-1][0], WHOLE - rule.share))
    return tuple((model, width) for model, width in parts if width)


def _kinds(rule: Rule, routing: Routing) -> Iterator[Kind | None]:
    asks_who = any(condition.part is Part.USER for condition in rule.when)
    if rule.share == WHOLE and not asks_who:
        yield None
        return
    named = ("user", "cookie") if asks_who else ("user", "cookie", "anonymous", "unnameable")
    yield from (kind for kind in kinds(routing.assign_by, _SALT + routing.salt) if kind.name in named)


def _match(rule: Rule, kind: Kind | None, assign_by: str | None) -> dict[str, Any]:
    found: dict[Part, list[Matcher]] = {Part.HEADER: [], Part.COOKIE: [], Part.QUERY: []}
    if kind is not None:
        found[Part.HEADER].extend(kind.headers)
        found[Part.COOKIE].extend(kind.cookies)
        if kind.name == "cookie" and assign_by is not None:
            # Who sends the header is known by it, whatever cookie comes along.
            found[Part.HEADER].append({"name": assign_by.lower(), "present_match": True, "invert_match": True})
    for condition in rule.when:
        part, name = _where(condition, kind, assign_by)
        found[part].append(_matcher(condition, part, name))
    keys = {Part.HEADER: "headers", Part.COOKIE: "cookies", Part.QUERY: "query_parameters"}
    return {"prefix": "/", **{keys[part]: matchers for part, matchers in found.items() if matchers}}


def _where(condition: Condition, kind: Kind | None, assign_by: str | None) -> tuple[Part, str]:
    if condition.part is not Part.USER:
        return condition.part, condition.name.lower() if condition.part is Part.HEADER else condition.name
    return (Part.HEADER, (assign_by or "").lower()) if kind and kind.name == "user" else (Part.COOKIE, COOKIE)


def _matcher(condition: Condition, part: Part, name: str) -> Matcher:
    if not condition.absent:
        return {"name": name, "string_match": _text(condition)}
    match part:
        case Part.HEADER:
            return {"name": name, "present_match": True, "invert_match": True}
        case Part.QUERY:
            return {"name": name, "present_match": False}
        case _:
            return {"name": name, "string_match": _ANYTHING, "invert_match": True}


def _text(condition: Condition) -> dict[str, Any]:
    if condition.pattern is not None:
        return {"safe_regex": {"regex": condition.pattern}}
    match condition.values:
        case ():
            return _ANYTHING
        case (value,):
            return {"exact": value}
        case values:
            code = {"inline_string": _table(values)}
            return {
                "custom": {
                    "name": "envoy.string_matcher.lua",
                    "typed_config": {"@type": _LUA, "source_code": code},
                }
            }


def _table(values: tuple[str, ...]) -> str:
    """A Lua program whose `envoy_match` knows the values. One long text, because a program has few constants."""
    listed = "".join(f"{_escaped(value)}\\n" for value in values)
    return (
        f'local known = {{}}\nfor value in ("{listed}"):gmatch("[^\\n]+") do known[value] = true end\n'
        "function envoy_match(value) return known[value] == true end\n"
    )


def _escaped(value: str) -> str:
    """Every byte that could mean something to Lua, by its number."""
    return "".join(
        chr(byte) if chr(byte).isascii() and chr(byte).isalnum() else f"\\{byte:03d}" for byte in value.encode()
    )
