"""What plans for balancers have in common: models that name their servers, nodes that are told apart."""

from __future__ import annotations

import re

from mlship.plan.able import EVERYTHING
from mlship.plan.balancer.asked import previewed
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps
from mlship.plan.rule import Condition, Part, Rule
from mlship.plan.rulebook import build_rule

HEADER = r"[A-Za-z0-9-]{1,100}"
"""Names of headers that nginx has a variable for, and every make can be told."""

SAYABLE = r"[A-Za-z0-9_.@+-]{1,100}"
"""Values of a header that a file can hold without more ado."""

MOST_PORT = 65_535

_HEADER = re.compile(HEADER)
_SAYABLE = re.compile(SAYABLE)


def follows(rule: Rule) -> bool:
    """Balancers that are told by files can: one header with plain values."""
    match rule:
        case Rule(
            when=(Condition(part=Part.HEADER, name=name, values=values, pattern=None, absent=False),), share=10_000
        ):
            return bool(values and _HEADER.fullmatch(name) and all(map(_SAYABLE.fullmatch, values)))
        case _:
            return False


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


def sole(draft: Draft, at: Steps, key: str, *, hint: str = "") -> None:
    """No two nodes have the same value of `key`; what a node leaves out is the driver's."""
    seen: dict[object, Steps] = {}
    for node in draft.places(*at, "nodes"):
        told = draft.value(*node, key) if draft.has(*node, key) else draft.value(*at, key)
        if told is not None and told in seen:
            draft.fault(node, f"another node has the same `{key}`", hint or f"say `{key}` for each node")
        seen.setdefault(told, node)


def ruled(draft: Draft, stage: Steps, make: str, *, percentage: bool) -> None:
    """The stage's rules are such as `follows` knows, and a percentage at the end where the make can hold users."""
    only = f"{make} follows rules here that ask for one header with plain values{', then a percentage' * percentage}"
    header, value = previewed(draft, (*stage, "preview"))
    if header and not (_HEADER.fullmatch(header) and _SAYABLE.fullmatch(value)):
        draft.fault((*stage, "preview"), only, "use letters, digits and _.@+- for its value")
    rules = list(draft.places(*stage, "rules"))
    for path in rules:
        told = draft.value(*path)
        alone = percentage and isinstance(told, dict) and set(told) == {"percentage"} and path == rules[-1]
        if isinstance(told, dict) and not alone and not follows(build_rule(told)):
            draft.fault(path, only, EVERYTHING)
