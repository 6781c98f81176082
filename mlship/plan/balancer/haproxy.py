"""What a plan of the right shape may still get wrong about an HAProxy that mlship does not start."""

from __future__ import annotations

import re

from mlship.plan.able import COPIES, EVERYTHING
from mlship.plan.balancer.asked import judged_by_latency, previewed, reach
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps

MOST_PARTS = 4
"""Models that the lines in HAProxy's configuration can divide the traffic between."""

PREVIEW = "x-preview"
"""The header that they look at for a rule, unless it is said otherwise."""

SAYABLE = r"[A-Za-z0-9_.@+-]{1,100}"
"""Values of that header that a line of a map can hold."""

SIMPLER = "use letters, digits and _.@+- for its value"


def check_haproxy(draft: Draft) -> None:
    """Add every fault of the driver's settings, of the models and of the stages."""
    at: Steps = ("driver", "haproxy")
    reach(draft, at, key="socket", make="HAProxy", example="/run/haproxy/admin.sock")
    if draft.value(*at, "layout") == "weights":
        from mlship.plan.balancer.serverweights import check_weights

        check_weights(draft, at)
    else:
        _of_the_map(draft, at)
    for path in judged_by_latency(draft) if not draft.has(*at, "ring") else ():
        hint = "add `ring: mlship` to the driver, and to its configuration what `mlship init --driver haproxy` prints"
        draft.fault(path, "HAProxy tells percentiles only in its log, which it has to keep in a ring", hint)


def _of_the_map(draft: Draft, at: Steps) -> None:
    models = (("models", name, "servers") for name in draft.names("models"))
    for path in ((*at, "backend"), (*at, "state-file"), *models):
        if draft.has(*path):
            draft.fault(path, "layout map has no use for it", "remove it, or say `layout: weights`", at_key=True)
    _distinct(draft)
    _copies(draft, at)
    _rules(draft, str(draft.value(*at, "preview") or PREVIEW).lower())
    for stage in draft.places("stages"):
        arms = draft.names(*stage, "split") or list(draft.value(*stage, "arms") or ())
        if len(arms) > MOST_PARTS:
            hint = f"leave some out, or run several stages of {MOST_PARTS} or fewer"
            draft.fault(stage, f"HAProxy divides traffic between at most {MOST_PARTS} models here", hint)
        elif draft.value(*stage, "strategy") == "bandit" and draft.has("assign-by"):
            hint = "remove `assign-by`: each request is drawn anew; or strategy ab"
            why = "a bandit that keeps users apart cuts the traffic into more parts than HAProxy's lines can hold"
            draft.fault((*stage, "strategy"), why, f"{hint}; {EVERYTHING}")


def _copies(draft: Draft, at: Steps) -> None:
    """Nobody has a script in their HAProxy without knowing."""
    for stage in draft.places("stages"):
        if draft.value(*stage, "strategy") == "shadow" and not draft.value(*at, "mirror"):
            why = "HAProxy copies requests only by a script, which is experimental"
            hint = "add `mirror: true` to the driver, and what `mlship init --driver haproxy -s shadow` prints"
            draft.fault((*stage, "strategy"), why, f"{hint}; {COPIES}")


def _rules(draft: Draft, known: str) -> None:
    """One rule, which one header decides by its value."""
    only = f"HAProxy's lines follow one rule: the header {known} with one value"
    hint = "name the header in the driver's `preview` and in the lines of the configuration"
    for stage in draft.places("stages"):
        header, value = previewed(draft, (*stage, "preview"))
        if header and (header != known or not re.fullmatch(SAYABLE, value)):
            draft.fault((*stage, "preview"), only, hint if header != known else SIMPLER)
        rules = list(draft.places(*stage, "rules"))
        for rule in rules[1:]:
            draft.fault(rule, only, EVERYTHING)
        for rule in rules[:1]:
            asked = draft.value(*rule)
            if asked is not None and not _is_simple(asked, known):
                draft.fault(rule, only, EVERYTHING)


def _is_simple(rule: object, known: str) -> bool:
    """A percentage of everybody, or the one header with one value."""
    match rule:
        case {"percentage": _, **rest} if not rest:
            return True
        case {"header": {**headers}, **rest} if not rest and len(headers) == 1:
            ((name, value),) = headers.items()
            return str(name).lower() == known and isinstance(value, str) and bool(re.fullmatch(SAYABLE, value))
        case _:
            return False


def _distinct(draft: Draft) -> None:
    """Two models in one backend could not be told apart."""
    taken: dict[str, str] = {}
    for name in draft.names("models"):
        backend = draft.value("models", name, "backend") or name
        if backend in taken:
            hint = "give each model a backend of its own"
            draft.fault(("models", name), f"{taken[backend]} is in backend {backend}, too", hint, at_key=True)
        taken.setdefault(backend, name)
