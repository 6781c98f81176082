"""The file that mlship writes: a weighted service over the owner's, and routers that lead to it; JSON is YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlship.drivers.balancer.line import CLOSED
from mlship.drivers.balancer.traefik.settings import Entrance

PRIORITY = 100_000
"""Of the routers: above those that Traefik counts from the length of a rule."""

_HEADER = re.compile(r"Header\(`([^`]+)`, `([^`]+)`\)$")

Document = Mapping[str, Any]


def named(service: str) -> str:
    """What the service's routers and its weighted service are called, without their provider."""
    return f"mlship-{service}"


def text_of(value: str, *, service: str, models: Sequence[str], entrance: Entrance) -> str:
    """The file for a value; `models` are the owner's services."""
    name = named(service)
    shares, *words = value.split(" ")
    closed = value == CLOSED
    # Weights of nothing but 0 answer 503.
    weights = [(model, "0") for model in models[:1]] if closed else [part.split(":") for part in shares.split(",")]
    weighted: dict[str, Any] = {"services": [{"name": model, "weight": int(weight)} for model, weight in weights]}
    if entrance.health_check:
        weighted["healthCheck"] = {}
    aside = [word.split(":")[1:] for word in words]
    routers = {name: _router(entrance, closed=closed, name=name) | {"service": name, "priority": PRIORITY}}
    for number, (header, wanted, model) in enumerate(aside):
        rule = f"({entrance.rule}) && Header(`{header}`, `{wanted}`)"
        own = {"rule": rule, "service": model, "priority": PRIORITY + len(aside) - number}
        routers[f"{name}-{number}"] = _router(entrance, closed=closed, name=name) | own
    http: dict[str, Any] = {"routers": routers, "services": {name: {"weighted": weighted}}}
    if closed:
        http["middlewares"] = {name: {"headers": {"customResponseHeaders": {"Retry-After": "5"}}}}
    return (
        f"# Written by mlship for the service {service}, anew at each change.\n{json.dumps({'http': http}, indent=1)}\n"
    )


def value_of(services: Sequence[Document], routers: Sequence[Document], service: str) -> str | None:
    """What the API tells of the service, as a value; None: it has none."""
    found = next((each for each in services if _base(each["name"]) == named(service)), None)
    if found is None:
        return None
    weights = [(each["name"], each.get("weight", 1)) for each in found.get("weighted", {}).get("services", [])]
    if not any(weight > 0 for _, weight in weights):
        return CLOSED
    aside = [router for router in routers if _base(router["name"]).startswith(f"{named(service)}-")]
    aside.sort(key=lambda router: -int(router.get("priority", 0)))
    matched = [(_HEADER.search(router["rule"]), _base(router["service"])) for router in aside]
    shares = ",".join(f"{_base(name)}:{weight}" for name, weight in weights)
    return " ".join([shares, *(f"if:{found[1]}:{found[2]}:{model}" for found, model in matched if found)])


def value_in(text: str, service: str) -> str | None:
    """What a file would have Traefik do; None: nothing that is known."""
    try:
        http = json.loads(text.partition("\n")[2])["http"]
        services = [{"name": name, **each} for name, each in http["services"].items()]
        return value_of(services, [{"name": name, **each} for name, each in http["routers"].items()], service)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def ours(name: str, service: str) -> bool:
    """A router or service of mlship's for this service, by its full name."""
    return _base(name) == named(service) or bool(re.fullmatch(rf"{re.escape(named(service))}-\d+", _base(name)))


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
