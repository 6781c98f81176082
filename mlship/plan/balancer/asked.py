"""What a plan asks of a balancer, wherever it asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlship.plan import units
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps, shown
from mlship.plan.routing import WHOLE

MOST_PORT = 65_535


def reach(draft: Draft, at: Steps, *, key: str, make: str, example: str) -> None:
    """The one balancer of the driver's settings at `at`, or its `nodes`: each says by `key` where it is."""
    if not isinstance(draft.value(*at), dict):
        return
    if draft.has(*at, key) and draft.has(*at, "nodes"):
        draft.fault((*at, "nodes"), f"there is {_article(key)} `{key}` already", "keep one of them", at_key=True)
    elif not draft.has(*at, key) and not draft.has(*at, "nodes"):
        hint = f"add `{key}: {example}`, or `nodes` with {_article(key)} {key} each"
        draft.fault(at, f"nothing says where {make} is", hint, at_key=True)
    nodes = list(draft.places(*at, "nodes"))
    for number, node in enumerate(nodes):
        told = draft.value(*node, key)
        if told is not None and any(draft.value(*other, key) == told for other in nodes[:number]):
            draft.fault((*node, key), "is a node already", "name each node once")
    for path in ((*at, key), (*at, "listen"), *((*node, key) for node in nodes)):
        told = draft.value(*path)
        if told is not None and not told.startswith("/") and not has_port(told):
            draft.fault(path, f"expected a port from 1 to {MOST_PORT}; got {shown(told)}")


def has_port(address: str) -> bool:
    """It ends with a port that can be."""
    _, colon, port = address.rpartition(":")
    return bool(colon) and port.isdecimal() and 1 <= int(port) <= MOST_PORT


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def previewed(draft: Draft, path: Steps) -> tuple[str, str]:
    """(header in lower case, its value) of the `preview` at `path`; empty where there is none."""
    match draft.value(*path):
        case str() as text:
            header, _, value = text.removeprefix("header:").partition("=")
            return header.lower(), value
        case {"header": str() as header, "value": str() as value}:
            return header.lower(), value
        case _:
            return "", ""


def judged_by_latency(draft: Draft) -> Iterator[Steps]:
    """Where the plan judges latency, also by the gates that it has when it names none."""
    lists: list[Steps] = [("guards",), *((*stage, "gates") for stage in draft.places("stages"))]
    inline = (place for path in lists for place in draft.places(*path))
    for path in (*(("gates", name) for name in draft.names("gates")), *inline):
        metric = draft.value(*path, "metric") if draft.names(*path) else None
        if isinstance(metric, str) and metric.startswith("latency_p"):
            yield (*path, "metric")
    for stage in draft.places("stages"):
        shares = draft.value(*stage, "strategy") in {"canary", "ab"}
        if shares and not draft.has(*stage, "gates") and not draft.names("gates"):
            yield stage


def splits(draft: Draft, stage: Steps) -> Iterator[tuple[Steps, Mapping[str, int]]]:
    """Each place that says a split, with the shares of the models in basis points."""
    names = list(draft.names("models"))
    live, candidate = draft.value("live"), draft.value("candidate")
    live = live or next((name for name in names if name != candidate), "")
    candidate = candidate or next((name for name in names if name != live), "")
    for place in draft.places(*stage, "weights"):
        share = draft.value(*place)
        points = units.basis_points(share) if isinstance(share, str) else None
        if points and points < WHOLE:
            yield place, {candidate: points, live: WHOLE - points}
    split = draft.value(*stage, "split")
    if isinstance(split, dict):
        roles = {"live": live, "candidate": candidate}
        asked = {str(roles.get(arm, arm)): units.basis_points(share) or 0 for arm, share in split.items()}
        if sum(asked.values()) == WHOLE:
            yield (*stage, "split"), asked
