"""Which requests a model gets whatever the shares say: ordered rules, the first that matches decides."""

from __future__ import annotations

from enum import StrEnum

import msgspec

WHOLE = 10_000
"""Basis points in 100 %."""


class Part(StrEnum):
    """What of a request a condition looks at."""

    HEADER = "header"
    COOKIE = "cookie"
    QUERY = "query"
    """A parameter of the query string."""
    USER = "user"
    """The unit of assignment: the header that the routing assigns by, else the router's own cookie."""


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a request: equal to one of `values`, or a full match of `pattern`, or absent; else merely there."""

    part: Part
    """header, cookie, query or user."""
    name: str = ""
    """Of the header, cookie or parameter; empty for a user."""
    values: tuple[str, ...] = ()
    """Any of these; thousands are fine."""
    pattern: str | None = None
    """A full match, in the syntax of RE2."""
    absent: bool = False
    """It is not there at all."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Requests that meet every condition go to `model`, whatever the shares say; rules after it are not asked.

    With a share under 100 % so many of the users that match get `model`, always the same ones, and a larger share only
    adds users. The others that match stay with the model of the routing's last segment.
    """

    model: str
    """Where they go; the live model in a rule that says never."""
    when: tuple[Condition, ...] = ()
    """All of these; none: every request."""
    share: int = WHOLE
    """Basis points of the users that match."""


def drawn_alone(rules: tuple[Rule, ...]) -> int | None:
    """Basis points of the only rule, where it asks for nothing but a share: chance alone chooses the users."""
    match rules:
        case (Rule(when=(), share=share),):
            return share
        case _:
            return None


def header_is(header: str, value: str, model: str) -> Rule:
    """Requests whose `header` equals `value` go to `model`."""
    return Rule(model=model, when=(Condition(part=Part.HEADER, name=header.lower(), values=(value,)),))
