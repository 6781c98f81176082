"""What a plan of the right shape may still get wrong about an nginx that mlship does not start."""

from __future__ import annotations

import re

from mlship.plan.balancer.asked import previewed
from mlship.plan.balancer.pools import addressed, distinct, sole
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps
from mlship.plan.rule import Condition, Part, Rule
from mlship.plan.rulebook import build_rule

HEADER = r"[A-Za-z0-9-]{1,100}"
"""Names of headers that nginx has a variable for."""

SAYABLE = r"[A-Za-z0-9_.@+-]{1,100}"
"""Values of a header that its maps are given."""

ONLY_DRIVERS = "drivers that can: docker, process"
NEEDED = {"include": "/etc/nginx/mlship/scorer.conf", "status": "http://127.0.0.1/_mlship/scorer"}
NEEDED |= {"log": "/var/log/nginx/mlship-scorer.log"}
"""Settings that every node has, its own or the driver's."""

_HEADER = re.compile(HEADER)
_SAYABLE = re.compile(SAYABLE)


def follows(rule: Rule) -> bool:
    """nginx can: one header with plain values."""
    match rule:
        case Rule(
            when=(Condition(part=Part.HEADER, name=name, values=values, pattern=None, absent=False),), share=10_000
        ):
            return bool(values and _HEADER.fullmatch(name) and all(map(_SAYABLE.fullmatch, values)))
        case _:
            return False


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
    if header and not _HEADER.fullmatch(header):
        draft.fault(("assign-by",), f"nginx cannot tell users apart by header {header}", "use letters, digits and -")
    for stage in draft.places("stages"):
        _rules(draft, stage)


def _rules(draft: Draft, stage: Steps) -> None:
    only = "nginx follows rules here that ask for one header with plain values, then a percentage"
    header, value = previewed(draft, (*stage, "preview"))
    if header and not (_HEADER.fullmatch(header) and _SAYABLE.fullmatch(value)):
        draft.fault((*stage, "preview"), only, "use letters, digits and _.@+- for its value")
    rules = list(draft.places(*stage, "rules"))
    for path in rules:
        told = draft.value(*path)
        alone = isinstance(told, dict) and set(told) == {"percentage"} and path == rules[-1]
        if isinstance(told, dict) and not alone and not follows(build_rule(told)):
            draft.fault(path, only, ONLY_DRIVERS)
