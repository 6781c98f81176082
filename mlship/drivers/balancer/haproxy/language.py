"""A routing as one value of the map: `SALT:BACKEND:UP-TO:BACKEND:UP-TO...`, so that one command changes all of it.

With `/VALUE:BACKEND` after it, requests whose preview header has that value go to a model on the side; with
`/ASIDE/BACKEND:SHARE:BACKEND:SHARE...` after it, copies of so many of 10 000 requests go to challengers.
A part reaches from the one before up to its number, in parts of 10 000; a user's point in that range is a hash of the
user and the salt. `any` for a salt draws each request anew; `closed` answers 503.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

import msgspec

from mlship.drivers.balancer.parts import by_user, parts_of, short_salt
from mlship.errors import RoutingRefused
from mlship.plan.able import EVERYTHING
from mlship.plan.balancer.haproxy import MOST_PARTS, PREVIEW, SAYABLE
from mlship.plan.routing import WHOLE, Routing, all_to
from mlship.plan.rule import Condition, Part, Rule

ANY = "any"
CLOSED = "closed"
_SAYABLE = re.compile(SAYABLE)


class MapLanguage(msgspec.Struct, frozen=True, kw_only=True):
    """For models in backends of these names."""

    backends: Mapping[str, str]
    """Model → backend."""
    preview: str = PREVIEW
    """The header that its lines look at for a rule, in lower case."""
    mirror: bool = False
    """The configuration has the script that copies requests."""

    def value_of(self, routing: Routing) -> str:
        """The routing as a value.

        Raises:
            RoutingRefused: it has rules, mirrors or more parts than its lines can hold.
        """
        if routing.closed:
            return CLOSED
        copies = self._copies(routing)
        aside = self._aside(routing)
        parts = parts_of(routing)
        if len(parts) > MOST_PARTS:
            message = f"HAProxy divides traffic into at most {MOST_PARTS} parts here; this split has {len(parts)}"
            raise RoutingRefused(message, hint="let fewer models share the traffic")
        upto, words = 0, [short_salt(routing) if by_user(routing) else ANY]
        for model, width in parts:
            upto += width
            words += [self.backends.get(model, model), str(upto)]
        return ":".join(words) + (aside or "/") + copies if copies else ":".join(words) + aside

    def _copies(self, routing: Routing) -> str:
        if routing.capture or (routing.mirrors and not self.mirror):
            raise RoutingRefused("HAProxy copies no requests and keeps no answers here", hint=EVERYTHING)
        each = (f"{self.backends.get(mirror.model, mirror.model)}:{mirror.share}" for mirror in routing.mirrors)
        return f"/{':'.join(each)}" if routing.mirrors else ""

    def _aside(self, routing: Routing) -> str:
        match routing.rules:
            case ():
                return ""
            case (Rule(when=()),) if len(routing.weights) == 1:
                return ""
            case (Rule(when=(Condition(part=Part.HEADER, name=name, values=(value,)),), share=10_000) as rule,):
                if name == self.preview and _SAYABLE.fullmatch(value):
                    return f"/{value}:{self.backends.get(rule.model, rule.model)}"
        raise RoutingRefused(f"HAProxy follows one rule here: header {self.preview} with one value", hint=EVERYTHING)

    def routing_of(self, value: str) -> Routing | None:
        """The shares of a value; whose hash and which users it meant, it does not tell."""
        models = {backend: model for model, backend in self.backends.items()}
        _, *rest = value.partition("/")[0].split(":")
        names, bounds = rest[::2], rest[1::2]
        if value == CLOSED:
            return all_to(next(iter(self.backends), "none"), closed=True)
        if not rest or len(names) != len(bounds) or not all(bound.isdecimal() for bound in bounds):
            return None
        edges = [0, *(min(int(bound), WHOLE) for bound in bounds)]
        widths = [after - before for before, after in pairwise(edges)]
        segments = tuple(
            (models.get(name, name), width) for name, width in zip(names, widths, strict=True) if width > 0
        )
        return Routing(segments=segments) if sum(width for _, width in segments) == WHOLE else None


def asks_for_copies(value: str) -> bool:
    """The value has copies sent."""
    return value.count("/") == 2
