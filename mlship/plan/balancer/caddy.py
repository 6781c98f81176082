"""What a plan of the right shape may still get wrong about a Caddy that mlship does not start."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

from mlship.plan.able import EVERYTHING, FINER, USERS, bandit
from mlship.plan.balancer.asked import MOST_PORT, has_port, previewed, reach, splits
from mlship.plan.balancer.pools import sole
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps, shown
from mlship.plan.routing import WHOLE
from mlship.plan.weights import closest, even

MOST_IN_A_ROUND = 2000
"""Requests that a share may take until it is true: Caddy serves a server's whole weight in a row."""

NO_USERS = "an A/B test is of users, and Caddy keeps none on a model"
NO_STEPS = "a bandit moves traffic in steps of 0.01%, which Caddy would keep only over too many requests"


def in_a_round(shares: Mapping[str, int], servers: Mapping[str, int]) -> Mapping[str, int] | None:
    """The smallest weight of each server of a model, in exactly these shares (basis points); None: too long a round."""
    weights = even(shares, servers, most=MOST_IN_A_ROUND, whole=MOST_IN_A_ROUND)
    unit = gcd(*weights.values()) if weights else 1
    return {model: weight // unit for model, weight in weights.items()} if weights else None


def is_exact(value: str) -> bool:
    """Caddy would match only this value: at an end * stands for anything."""
    return "*" not in value


def check_caddy(draft: Draft) -> None:
    """Add every fault of the driver's settings, of the models and of the stages."""
    at: Steps = ("driver", "caddy")
    reach(draft, at, key="admin", make="Caddy", example="127.0.0.1:2019")
    _log(draft, at)
    _servers(draft)
    for stage in draft.places("stages"):
        _stage(draft, stage)


def _log(draft: Draft, at: Steps) -> None:
    nodes = list(draft.places(*at, "nodes"))
    every = bool(nodes) and all(draft.has(*node, "log") for node in nodes)
    if isinstance(draft.value(*at), dict) and not draft.has(*at, "log") and not every:
        why = "`log` is missing: Caddy tells only in its access log which server has answered"
        draft.fault(at, why, "add `log: /var/log/caddy/access.log`", at_key=True)
    sole(draft, at, "log", hint="what is in it would count once for each: say `log` for each node")


def _servers(draft: Draft) -> None:
    taken: dict[str, str] = {}
    for name in draft.names("models"):
        path: Steps = ("models", name)
        if draft.has(*path, "backend"):
            draft.fault((*path, "backend"), "Caddy has no backends", "name its `servers`", at_key=True)
        if not draft.has(*path, "servers"):
            draft.fault(path, "`servers` is missing", "add `servers: [10.0.0.1:8000]`", at_key=True)
        for place in draft.places(*path, "servers"):
            address = draft.value(*place)
            if address is not None and not has_port(address):
                draft.fault(place, f"expected an address and a port from 1 to {MOST_PORT}; got {shown(address)}")
            elif address in taken:
                draft.fault(place, f"is a server of {taken[address]}", "a server serves one model")
            elif address:
                taken[address] = name


def _stage(draft: Draft, stage: Steps) -> None:
    strategy = str(draft.value(*stage, "strategy"))
    if strategy == "ab":
        draft.fault((*stage, "strategy"), NO_USERS, USERS)
    elif strategy == "bandit":
        draft.fault((*stage, "strategy"), NO_STEPS, bandit(draft, stage))
    for path, shares in splits(draft, stage):
        _exact(draft, path, shares)
    _, value = previewed(draft, (*stage, "preview"))
    if not is_exact(value):
        draft.fault((*stage, "preview"), "Caddy takes * for anything", "leave it out of the value")
    for rule in draft.places(*stage, "rules"):
        asked = draft.value(*rule)
        # A percentage of users is faulted as that already.
        if asked is not None and "percentage" not in asked and not _is_simple(asked):
            draft.fault(rule, "Caddy follows rules that ask for values of headers", EVERYTHING)


def _is_simple(rule: object) -> bool:
    """Headers with a value each, or `never` with them."""
    match rule:
        case {"never": dict() as inner, **rest} if not rest:
            return _is_simple(inner)
        case {"header": {**headers}, **rest} if not rest:
            values = [each if isinstance(each, list) else [each] for each in headers.values()]
            return all(isinstance(each, str) and is_exact(each) for several in values for each in several)
        case _:
            return False


def _exact(draft: Draft, path: Steps, shares: Mapping[str, int]) -> None:
    counts = {name: len(list(draft.places("models", name, "servers"))) for name in shares}
    if not all(counts.values()) or in_a_round(shares, counts):
        return
    hint = f"use steps of 1%; {FINER}"
    if len(shares) == 2:
        (first, share), (second, _) = shares.items()

        def fits(tried: int) -> bool:
            return in_a_round({first: tried, second: WHOLE - tried}, counts) is not None

        close = " or ".join(f"{points / 100:g}%" for points in closest(share, fits))
        hint = f"{close} can be; {FINER}" if close else hint
    draft.fault(path, f"Caddy would have exactly this split only after more than {MOST_IN_A_ROUND} requests", hint)
