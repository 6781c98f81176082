"""What a plan of the right shape may still get wrong about an nginx that mlship does not start."""

from __future__ import annotations

import re

from mlship.plan.able import COPIES
from mlship.plan.balancer.pools import HEADER, addressed, distinct, ruled, sole
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps

NEEDED = {"include": "/etc/nginx/mlship/scorer.conf", "status": "http://127.0.0.1/_mlship/scorer"}
NEEDED |= {"log": "/var/log/nginx/mlship-scorer.log"}
"""Settings that every node has, its own or the driver's."""

MOST_COPIES = 2
"""Challengers that the lines in nginx's configuration can send copies to at once."""


def check_nginx(draft: Draft) -> None:
    """Add every fault of the driver's settings, of the models and of the stages."""
    at: Steps = ("driver", "nginx")
    nodes = list(draft.places(*at, "nodes"))
    for node in nodes or [at]:
        for key, example in NEEDED.items():
            if isinstance(draft.value(*at), dict) and not draft.has(*node, key) and not draft.has(*at, key):
                draft.fault(node, f"`{key}` is missing", f"add `{key}: {example}`", at_key=not nodes)
    for key in ("include", "status", "log"):
        sole(draft, at, key)
    addressed(draft, why="nginx does not tell which are up, so mlship asks them")
    distinct(draft, "upstream")
    header = str(draft.value("assign-by") or "").removeprefix("header:")
    if header and not re.fullmatch(HEADER, header):
        draft.fault(("assign-by",), f"nginx cannot tell users apart by header {header}", "use letters, digits and -")
    for stage in draft.places("stages"):
        if draft.value(*stage, "strategy") == "shadow":
            _copies(draft, at, stage)
        ruled(draft, stage, "nginx", percentage=True)


def _copies(draft: Draft, at: Steps, stage: Steps) -> None:
    """Nobody has users wait for a challenger without knowing."""
    if not draft.value(*at, "mirror"):
        why = "a user of nginx whose connection stays open waits with the next request for the answer to a copy"
        hint = "if that may be: `mirror: true` in the driver, and what `mlship init --driver nginx -s shadow` prints"
        draft.fault((*stage, "strategy"), why, f"{hint}; {COPIES}")
    if len(draft.names(*stage, "mirror")) > MOST_COPIES:
        hint = "leave some out, or have them in further rollouts"
        draft.fault((*stage, "mirror"), f"nginx copies requests to at most {MOST_COPIES} challengers here", hint)
