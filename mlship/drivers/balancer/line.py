"""A routing as one line: `v2:1000,v1:9000 by:x-user-id:SALT if:x-preview:green:v2`. nginx and Traefik are told by it.

Parts in their order, with their widths in basis points. `by`: users keep their place, told apart by that header, else
by a cookie; without it each request is drawn anew. `if`: requests whose header has the value go to a model on the side,
the first that matches decides. `copy:v2:5000`: v2 gets copies of so many of 10 000 requests. `closed`
answers 503. `hand:` before parts: somebody has edited the file, and says this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec
from msgspec.structs import replace

from mlship.drivers.balancer.parts import by_user, parts_of, short_salt
from mlship.errors import RoutingRefused
from mlship.plan.able import EVERYTHING
from mlship.plan.balancer.copies import ONLY_PERCENTS, percents
from mlship.plan.balancer.pools import HEADER, follows
from mlship.plan.routing import WHOLE, Mirror, Routing, all_to
from mlship.plan.rule import Rule, drawn_alone

CLOSED = "closed"
HAND = "hand:"
IF, COPY = "if", "copy"
_HEADER = re.compile(HEADER)


class LineLanguage(msgspec.Struct, frozen=True, kw_only=True):
    """For models in pools of these names."""

    make: str
    """The balancer's name, as people write it."""
    pools: Mapping[str, str]
    """Model → the balancer's own name for its servers."""
    users: bool
    """It can keep users in their places."""
    copies: int = 0
    """Challengers that it can copy requests to at once."""
    percents: bool = False
    """It copies whole percents only."""
    beside: bool = False
    """It can copy the live model's requests alone while others share the traffic."""

    def value_of(self, routing: Routing) -> str:
        """The routing as a value.

        Raises:
            RoutingRefused: it copies more requests than the make can, keeps answers or has rules of another kind.
        """
        if routing.closed:
            return CLOSED
        copies = self._copies(routing)
        drawn = replace(routing, rules=_percentage(routing))
        parts = parts_of(drawn)
        shares = ",".join(f"{self._named(model)}:{width}" for model, width in parts)
        return " ".join([shares, *self._by(drawn, len(parts)), *self._ifs(routing), *copies])

    def routing_of(self, value: str) -> Routing | None:
        """The shares and copies of a value; whose place and which rules it meant, it does not tell."""
        models = {pool: model for model, pool in self.pools.items()}
        if value == CLOSED:
            return all_to(next(iter(self.pools), "none"), closed=True)
        parts = [part.partition(":") for part in value.removeprefix(HAND).partition(" ")[0].split(",")]
        if not all(width.isdecimal() for _, _, width in parts):
            return None
        segments = tuple((models.get(name, name), int(width)) for name, _, width in parts if int(width))
        told = (word.split(":") for word in value.split(" ") if word.startswith(f"{COPY}:"))
        mirrors = tuple(Mirror(model=models.get(name, name), share=int(share)) for _, name, share in told)
        return Routing(segments=segments, mirrors=mirrors) if sum(width for _, width in segments) == WHOLE else None

    def _named(self, model: str) -> str:
        return self.pools.get(model, model)

    def _copies(self, routing: Routing) -> list[str]:
        if routing.capture or (routing.mirrors and not self.copies):
            raise RoutingRefused(f"{self.make} copies no requests and keeps no answers here", hint=EVERYTHING)
        if len(routing.mirrors) > self.copies:
            why = f"{self.make} copies requests to at most {self.copies} challengers here"
            raise RoutingRefused(why, hint="let fewer challengers have copies at once")
        if routing.mirrors and not self.beside and (len(routing.weights) > 1 or routing.rules):
            hint = "have the shadow stage before the others"
            raise RoutingRefused(f"{self.make} would copy the candidate's requests, too", hint=hint)
        for close in filter(None, (percents(mirror.share) for mirror in routing.mirrors if self.percents)):
            raise RoutingRefused(f"{self.make} {ONLY_PERCENTS}", hint=f"the nearest: {close}")
        return [f"{COPY}:{self._named(mirror.model)}:{mirror.share}" for mirror in routing.mirrors]

    def _ifs(self, routing: Routing) -> Iterator[str]:
        for rule in routing.rules[: len(routing.rules) - len(_percentage(routing))]:
            if not follows(rule):
                message = f"{self.make} follows rules here that ask for one header with plain values"
                raise RoutingRefused(message, hint=EVERYTHING)
            (when,) = rule.when
            yield from (f"{IF}:{when.name}:{value}:{self._named(rule.model)}" for value in when.values)

    def _by(self, routing: Routing, parts: int) -> list[str]:
        if parts == 1 or not by_user(routing):
            return []
        header = routing.assign_by or ""
        if not self.users:
            raise RoutingRefused(f"{self.make} keeps no user on one model here", hint=EVERYTHING)
        if header and not _HEADER.fullmatch(header):
            why = f"{self.make} cannot tell users apart by header {header}"
            raise RoutingRefused(why, hint="use letters, digits and -")
        return [f"by:{header}:{short_salt(routing)}"]


def _percentage(routing: Routing) -> tuple[Rule, ...]:
    """The last rule, where it asks for nothing but a share of those that no other rule has taken."""
    last = routing.rules[-1:]
    return last if drawn_alone(last) is not None and len(routing.weights) == 1 else ()
