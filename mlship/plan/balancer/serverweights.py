"""What a plan may get wrong where the split is in the weights of servers."""

from __future__ import annotations

from collections.abc import Mapping

from mlship.plan.able import COPIES
from mlship.plan.balancer.asked import splits
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps, shown
from mlship.plan.weights import nearest, totals

OF_THE_MAP = ("map", "preview", "mirror")
HINT = "say `layout: map`"
CANNOT = {
    "recreate": "close the door",
    "shadow": "copy requests",
    "feature-flag": "tell requests apart",
    "bandit": "be moved in steps of 0.01%",
}
"""Strategy → what weights of servers cannot do for it."""


def check_weights(draft: Draft, at: Steps) -> None:
    """Add every fault of the settings at `at`, of the models and of the stages."""
    for key in OF_THE_MAP:
        if draft.has(*at, key):
            draft.fault((*at, key), "layout weights has no map", "remove it", at_key=True)
    if not draft.has(*at, "backend"):
        draft.fault(at, "`backend` is missing: the one that holds the servers", "add `backend: app`", at_key=True)
    if draft.value(*at, "persist") is not False and not _has_state_file(draft, at):
        hint = "add `state-file: /var/lib/haproxy/server-state`, or `persist: false`"
        draft.fault(at, "`state-file` is missing: a reload would lose the weights", hint, at_key=True)
    _servers(draft)
    _course(draft)


def _course(draft: Draft) -> None:
    if draft.has("assign-by"):
        draft.fault(("assign-by",), "weights of servers keep no user on one model", HINT)
    for stage in draft.places("stages"):
        strategy = str(draft.value(*stage, "strategy"))
        if strategy in CANNOT:
            more = f" with `mirror: true`; {COPIES}" if strategy == "shadow" else ""
            draft.fault((*stage, "strategy"), f"weights of servers cannot {CANNOT[strategy]}", f"{HINT}{more}")
        if draft.has(*stage, "preview"):
            draft.fault((*stage, "preview"), "weights of servers cannot tell requests apart", HINT)
        for path, shares in splits(draft, stage):
            _exact(draft, path, shares)


def _has_state_file(draft: Draft, at: Steps) -> bool:
    nodes = list(draft.places(*at, "nodes"))
    every = bool(nodes) and all(
        draft.has(*node, "state-file") or draft.value(*node, "persist") is False for node in nodes
    )
    return draft.has(*at, "state-file") or every


def _servers(draft: Draft) -> None:
    taken: dict[str, str] = {}
    for name in draft.names("models"):
        path: Steps = ("models", name)
        if draft.has(*path, "backend"):
            draft.fault((*path, "backend"), "all servers are in the driver's backend", "remove it", at_key=True)
        if not draft.has(*path, "servers"):
            draft.fault(path, "`servers` is missing", "add `servers: [v1a, v1b]`", at_key=True)
        for place in draft.places(*path, "servers"):
            server = draft.value(*place)
            if server and ":" in server:
                draft.fault(place, f"expected the name of a server; got {shown(server)}", "name it as HAProxy does")
            elif server in taken:
                draft.fault(place, f"is a server of {taken[server]}", "a server serves one model")
            elif server:
                taken[server] = name


def _exact(draft: Draft, path: Steps, shares: Mapping[str, int]) -> None:
    counts = {name: len(list(draft.places("models", name, "servers"))) for name in shares}
    if not all(counts.values()) or totals(shares, counts):
        return
    hint = HINT
    if len(shares) == 2:
        (first, share), (second, _) = shares.items()
        close = " or ".join(f"{points / 100:g}%" for points in nearest(share, counts[first], counts[second]))
        hint = f"{close} can be, or {HINT}" if close else HINT
    draft.fault(path, "no whole weights up to 256 make exactly this split", hint)
