"""The handler with our id in Caddy's configuration: the split that it says, and the same handler with another split.

It is a `subroute`. Its last route is its owner's: of that one nothing but servers and weights is changed. Routes before
it are ours: one for each rule, or the door that is closed. Servers of weight 0 are taken out, because a cookie would go
on leading its holders to them. With servers of one model alone no weights are needed, whatever the policy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from itertools import zip_longest
from typing import Any

import msgspec

from mlship.errors import RoutingRefused

Json = dict[str, Any]
Pools = Collection[Collection[str]]
"""Addresses of each model."""

POLICY = "weighted_round_robin"
PRINTED = "its configuration needs the lines that `mlship init --driver caddy` prints"
RULE, DOOR = "-rule", "-closed"
"""What the ids of our routes have after that of the handler; those of rules are numbered."""
MISSING = -1
"""The weight of a server that has none: Caddy takes a list that is too short, and sends it nothing."""


class Aside(msgspec.Struct, frozen=True, omit_defaults=True):
    """Requests whose headers all have one of these values go to these servers."""

    headers: tuple[tuple[str, tuple[str, ...]], ...]
    servers: tuple[str, ...]


class Split(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that a handler says; as JSON it is the value that a node reads and writes."""

    servers: tuple[tuple[str, int], ...] = ()
    """(address, weight), in the order of the configuration."""
    rules: tuple[Aside, ...] = ()
    closed: bool = False


def encoded(split: Split) -> str:
    """The value."""
    return msgspec.json.encode(split).decode()


def decoded(value: str) -> Split | None:
    """The split of a value; None: it is none."""
    try:
        return msgspec.json.decode(value, type=Split)
    except msgspec.MsgspecError:
        return None


def split_in(block: Json, pools: Pools) -> Split:
    """What the handler does.

    Raises:
        RoutingRefused: it is not what mlship can change.
    """
    ours, last = _parted(block)
    if any(route["@id"].endswith(DOOR) for route in ours):
        return Split(closed=True)
    proxy = _proxy(last)
    dials = [str(upstream.get("dial")) for upstream in proxy.get("upstreams") or []]
    # Without weights each server is as good as the next of its model.
    weights = [1] * len(dials) if _needs_no_weights(proxy, dials, pools) else _policy(proxy).get("weights") or []
    pairs = zip_longest(dials, weights, fillvalue=MISSING)
    return Split(
        servers=tuple((str(dial), int(weight)) for dial, weight in pairs), rules=tuple(_aside(route) for route in ours)
    )


def with_split(block: Json, split: Split, pools: Pools) -> Json:
    """The same handler with another split.

    Raises:
        RoutingRefused: it is not what mlship can change.
    """
    changed = deepcopy(block)
    _, last = _parted(changed)
    if split.closed:
        changed["routes"] = [_door(changed["@id"]), last]
        return changed
    _set(_proxy(last), split.servers, pools)
    rules = [_rule(f"{changed['@id']}{RULE}-{number}", each, last, pools) for number, each in enumerate(split.rules)]
    changed["routes"] = [*rules, last]
    return changed


def must_have_weights(block: Json) -> None:
    """The next split between models needs them.

    Raises:
        RoutingRefused: its policy has none.
    """
    _policy(_proxy(_parted(block)[1]))


def cookie_in(block: Json) -> str:
    """The cookie that keeps users on a server; empty: there is none."""
    policy = _selection(_proxy(_parted(block)[1]))
    return str(policy.get("name") or "lb") if policy.get("policy") == "cookie" else ""


def logged_in(block: Json) -> Mapping[str, str]:
    """Key → value of what the owner's route adds to the access log."""
    handlers = _parted(block)[1].get("handle") or []
    return {str(each.get("key")): str(each.get("value")) for each in handlers if each.get("handler") == "log_append"}


def _parted(block: Json) -> tuple[Sequence[Json], Json]:
    """(our routes, the owner's)."""
    routes = block.get("routes") if block.get("handler") == "subroute" else None
    if not routes:
        raise RoutingRefused(f"the handler {block.get('@id')} of Caddy is no subroute with a route", hint=PRINTED)
    *ours, last = routes
    for route in ours:
        if not str(route.get("@id", "")).startswith((f"{block['@id']}{RULE}-", f"{block['@id']}{DOOR}")):
            hint = "keep one route in it, which proxies; what else you do with requests goes before the handler"
            raise RoutingRefused(f"the handler {block['@id']} of Caddy has routes that are not mlship's", hint=hint)
    return ours, last


def _proxy(route: Json) -> Json:
    found = [each for each in route.get("handle") or [] if each.get("handler") == "reverse_proxy"]
    if len(found) != 1:
        raise RoutingRefused(f"Caddy's route has {len(found)} handlers `reverse_proxy` instead of one", hint=PRINTED)
    proxy: Json = found[0]
    return proxy


def _selection(proxy: Json) -> Json:
    return ((proxy.get("load_balancing") or {}).get("selection_policy")) or {}


def _chosen(proxy: Json) -> Json:
    """The policy that has a say in shares: the one, or what a cookie falls back to."""
    policy = _selection(proxy)
    chosen: Json = (policy.get("fallback") or {}) if policy.get("policy") == "cookie" else policy
    return chosen


def _needs_no_weights(proxy: Json, servers: Iterable[str], pools: Pools) -> bool:
    """Its policy has none, and the servers are those of one model."""
    asked = set(servers)
    return _chosen(proxy).get("policy") != POLICY and any(asked <= set(pool) for pool in pools)


def _policy(proxy: Json) -> Json:
    """The policy with the weights."""
    chosen = _chosen(proxy)
    if chosen.get("policy") != POLICY:
        found = chosen.get("policy") or "random"
        hint = f"`selection_policy` with `policy: {POLICY}`, or a cookie with that as its `fallback`"
        raise RoutingRefused(f"Caddy's policy {found} has no weights", hint=hint)
    return chosen


def _set(proxy: Json, servers: Sequence[tuple[str, int]], pools: Pools) -> None:
    known = {str(upstream.get("dial")): upstream for upstream in proxy.get("upstreams") or []}
    proxy["upstreams"] = [known.get(address, {"dial": address}) for address, _ in servers]
    if not _needs_no_weights(proxy, [address for address, _ in servers], pools):
        _policy(proxy)["weights"] = [weight for _, weight in servers]


def _rule(name: str, aside: Aside, last: Json, pools: Pools) -> Json:
    """The owner's route for these requests only, with other servers."""
    route = deepcopy(last)
    _set(_proxy(route), [(server, 1) for server in aside.servers], pools)
    headers = {header: list(values) for header, values in aside.headers}
    return {**route, "@id": name, "match": [{"header": headers}], "terminal": True}


def _aside(route: Json) -> Aside:
    try:
        (match,) = route["match"]
        headers = tuple((str(name), tuple(map(str, values))) for name, values in match["header"].items())
        dials = tuple(str(upstream["dial"]) for upstream in _proxy(route)["upstreams"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RoutingRefused(f"Caddy's route {route['@id']} is not as mlship writes it", hint=PRINTED) from error
    return Aside(headers=tuple(sorted(headers)), servers=dials)


def _door(name: str) -> Json:
    closed = {"handler": "static_response", "status_code": 503, "headers": {"Retry-After": ["5"]}}
    return {"@id": f"{name}{DOOR}", "handle": [closed], "terminal": True}
