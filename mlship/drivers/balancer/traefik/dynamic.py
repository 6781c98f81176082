"""The file that mlship writes: a weighted service over the owner's, and routers that lead to it; JSON is YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlship.drivers.balancer.line import CLOSED, COPY, IF
from mlship.drivers.balancer.traefik.copies import challengers, copies_of, copying
from mlship.drivers.balancer.traefik.seal import sealed
from mlship.drivers.balancer.traefik.settings import Entrance

PRIORITY = 100_000
"""Of the routers: above those that Traefik counts from the length of a rule."""

RULE = "_rule"
"""What the routers of rules have after the service's name. No service can be called so: their names have no `_`."""

_HEADER = re.compile(r"Header\(`([^`]+)`, `([^`]+)`\)$")

Document = Mapping[str, Any]
Marks = tuple[tuple[str, str], ...]


def named(service: str) -> str:
    """What the service's routers and its weighted service are called, without their provider."""
    return f"mlship-{service}"


def text_of(value: str, *, service: str, models: Sequence[str], entrance: Entrance) -> str:
    """The file for a value; `models` are the owner's services."""
    name = named(service)
    shares, *words = value.split(" ")
    closed = value == CLOSED
    # Weights of nothing but 0 answer 503.
    weights = [(model, "0") for model in models[:1]] if closed else _pairs(shares.split(","))
    told = [word.split(":") for word in words]
    aside, copies = ([rest for kind, *rest in told if kind == wanted] for wanted in (IF, COPY))
    live, share = weights[-1]
    if copies:
        weights[-1] = (copying(name), share)
    weighted: dict[str, Any] = {"services": [{"name": model, "weight": int(weight)} for model, weight in weights]}
    if entrance.health_check:
        weighted["healthCheck"] = {}
    routers = {name: _router(entrance, closed=closed, name=name) | {"service": name, "priority": PRIORITY}}
    for number, (header, wanted, model) in enumerate(aside):
        rule = f"({entrance.rule}) && Header(`{header}`, `{wanted}`)"
        own = {"rule": rule, "service": model, "priority": PRIORITY + len(aside) - number}
        routers[f"{name}{RULE}-{number}"] = _router(entrance, closed=closed, name=name) | own
    http: dict[str, Any] = {"routers": routers, "services": {name: {"weighted": weighted}}}
    if closed:
        http["middlewares"] = {name: {"headers": {"customResponseHeaders": {"Retry-After": "5"}}}}
    if copies:
        more = copies_of(copies, live=live, name=copying(name), checked=entrance.health_check)
        http["services"] |= more["services"]
        http["middlewares"] = more["middlewares"]
    return sealed({"http": http}, service)


def value_of(services: Sequence[Document], routers: Sequence[Document], service: str) -> str | None:
    """What the API tells of the service, as a value; None: it has none."""
    known = {_base(each["name"]): each for each in services}
    found = known.get(named(service))
    if found is None:
        return None
    weights = [(each["name"], each.get("weight", 1)) for each in found.get("weighted", {}).get("services", [])]
    if not any(weight > 0 for _, weight in weights):
        return CLOSED
    mirror = copying(named(service))
    mirrored = any(_base(name) == mirror for name, _ in weights)
    mirroring = known.get(mirror, {}).get("mirroring", {}) if mirrored else {}
    weights = [(mirroring.get("service", name) if _base(name) == mirror else name, weight) for name, weight in weights]
    aside = [router for router in routers if _is_rule(router, service)]
    aside.sort(key=lambda router: -int(router.get("priority", 0)))
    matched = [(_HEADER.search(router["rule"]), _base(router["service"])) for router in aside]
    shares = ",".join(f"{_base(name)}:{weight}" for name, weight in weights)
    rules = (f"{IF}:{found[1]}:{found[2]}:{model}" for found, model in matched if found)
    copies = (f"{COPY}:{model}:{share}" for model, share in challengers(mirroring, known))
    return " ".join([shares, *rules, *copies])


def value_in(text: str, service: str) -> str | None:
    """What a file would have Traefik do; None: nothing that is known."""
    try:
        return value_of(*_told(text), service)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def marks_of(services: Sequence[Document], routers: Sequence[Document], service: str) -> Marks:
    """What the API tells beside the value: the rules of the service's routers, and which services have a cookie."""
    mine = ours(services, routers, service)
    cookies = [(_base(each["name"]), "sticky") for each in mine if each.get("weighted", {}).get("sticky") is not None]
    return tuple(sorted([*cookies, *((_base(each["name"]), each["rule"]) for each in mine if "rule" in each)]))


def marks_in(text: str, service: str) -> Marks:
    """As `marks_of`, of a file; empty: nothing that is known."""
    try:
        return marks_of(*_told(text), service)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()


def ours(services: Sequence[Document], routers: Sequence[Document], service: str) -> list[Document]:
    """Those that are mlship's for this service, and not for one whose name begins with the same letters."""
    name = named(service)
    known = re.compile(rf"{re.escape(name)}({re.escape(copying(''))}(-\d+)?)?")
    mine = [each for each in services if known.fullmatch(_base(each["name"]))]
    return mine + [each for each in routers if _base(each["name"]) == name or _is_rule(each, service)]


def _told(text: str) -> tuple[list[Document], list[Document]]:
    http = json.loads(text.partition("\n")[2])["http"]
    return _listed(http["services"]), _listed(http["routers"])


def _listed(told: Mapping[str, Document]) -> list[Document]:
    return [{"name": name, **each} for name, each in told.items()]


def _is_rule(router: Document, service: str) -> bool:
    """Also one of a file from before `RULE`: the router of a service that is called `fraud-0` leads to its own name."""
    name, start = _base(router["name"]), re.escape(named(service))
    if re.fullmatch(rf"{start}{RULE}-\d+", name):
        return True
    return bool(re.fullmatch(rf"{start}-\d+", name)) and _base(router.get("service", "")) != name


def _pairs(parts: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, share) for name, _, share in (part.partition(":") for part in parts)]


def _router(entrance: Entrance, *, closed: bool, name: str) -> dict[str, Any]:
    router: dict[str, Any] = {"rule": entrance.rule}
    if entrance.entry_points:
        router["entryPoints"] = list(entrance.entry_points)
    if middlewares := [*entrance.middlewares, *([name] if closed else [])]:
        router["middlewares"] = middlewares
    if entrance.tls:
        router["tls"] = {}
    return router


def _base(name: str) -> str:
    return name.partition("@")[0]
