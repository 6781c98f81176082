"""What plans for balancers have in common: models that name their servers, nodes that are told apart."""

from __future__ import annotations

from mlship.plan.draft import Draft
from mlship.plan.fault import Steps

MOST_PORT = 65_535


def addressed(draft: Draft, *, why: str) -> None:
    """Every model names its servers, each by address and port."""
    for name in draft.names("models"):
        path: Steps = ("models", name)
        if not draft.has(*path, "servers"):
            draft.fault(path, f"`servers` is missing: {why}", 'add `servers: ["10.0.1.1:8000"]`', at_key=True)
        for place in draft.places(*path, "servers"):
            host, _, port = str(draft.value(*place) or ":1").rpartition(":")
            if not port.isdecimal() or not 1 <= int(port) <= MOST_PORT or (not host and draft.value(*place)):
                draft.fault(place, "expected an address and a port", "as in 10.0.1.1:8000")


def distinct(draft: Draft, kind: str) -> None:
    """Two models in one of the balancer's pools (a `kind`, such as upstream) could not be told apart."""
    taken: dict[str, str] = {}
    for name in draft.names("models"):
        pool = draft.value("models", name, "backend") or name
        if pool in taken:
            hint = f"give each model one of its own: `{name}: {{ backend: NAME }}`"
            draft.fault(("models", name), f"{taken[pool]} is in {kind} {pool}, too", hint, at_key=True)
        taken.setdefault(pool, name)


def sole(draft: Draft, at: Steps, key: str) -> None:
    """No two nodes have the same value of `key`; what a node leaves out is the driver's."""
    seen: dict[object, Steps] = {}
    for node in draft.places(*at, "nodes"):
        told = draft.value(*node, key) if draft.has(*node, key) else draft.value(*at, key)
        if told is not None and told in seen:
            draft.fault(node, f"another node has the same `{key}`", f"say `{key}` for each node")
        seen.setdefault(told, node)
