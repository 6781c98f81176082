"""Which of our keys Envoy's routes know, and what holds where the runtime says nothing: read from its configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlship.drivers.balancer.envoy.keys import ASIDE, SPLIT, share


def defaults(dump: object, *, prefix: str) -> Mapping[str, int]:
    """Key without the prefix → weight, or basis points, that the configuration says."""
    found: dict[str, int] = {}
    for node in _mappings(dump):
        key = str(node.get("runtime_key", ""))
        if key.startswith(prefix):
            found[key.removeprefix(prefix)] = share(node.get("default_value") or {})
        if node.get("runtime_key_prefix") == f"{prefix}{SPLIT}":
            for cluster in node.get("clusters") or []:
                found[f"{SPLIT}.{cluster.get('name')}"] = int(cluster.get("weight") or 0)
    return found


def offered(dump: object, *, prefix: str) -> Mapping[str, tuple[str, str]]:
    """Cluster → (header, value) of the route by which users reach it on the side."""
    found: dict[str, tuple[str, str]] = {}
    for node in _mappings(dump):
        fraction = node.get("runtime_fraction") or {}
        key = str(fraction.get("runtime_key", "")).removeprefix(prefix)
        for header in node.get("headers") or []:
            if key.startswith(f"{ASIDE}."):
                match = header.get("string_match") or {}
                found[key.removeprefix(f"{ASIDE}.")] = (str(header.get("name")), str(match.get("exact")))
    return found


def _mappings(tree: object) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for value in tree.values():
            yield from _mappings(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _mappings(value)
