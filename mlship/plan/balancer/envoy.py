"""What a plan of the right shape may still get wrong about an Envoy that mlship does not start."""

from __future__ import annotations

from mlship.plan.able import EVERYTHING, USERS
from mlship.plan.balancer.asked import previewed, reach
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps

PREVIEW = "x-preview=yes"
"""The header and its value by which the printed routes lead to a model on the side."""

NO_USERS = "an A/B test is of users, and Envoy's runtime keeps none on a model"


def check_envoy(draft: Draft) -> None:
    """Add every fault of the driver's settings, of the models and of the stages."""
    at: Steps = ("driver", "envoy")
    reach(draft, at, key="admin", make="Envoy", example="127.0.0.1:9901")
    _clusters(draft)
    header, _, value = str(draft.value(*at, "preview") or PREVIEW).partition("=")
    known = (header.lower(), value)
    for stage in draft.places("stages"):
        strategy = str(draft.value(*stage, "strategy"))
        if strategy == "ab":
            draft.fault((*stage, "strategy"), NO_USERS, USERS)
        _rules(draft, stage, known)


def _clusters(draft: Draft) -> None:
    taken: dict[str, str] = {}
    for name in draft.names("models"):
        if draft.has("models", name, "servers"):
            why, hint = "Envoy's clusters know their servers", "name the cluster: `backend: NAME`"
            draft.fault(("models", name, "servers"), why, hint, at_key=True)
        cluster = draft.value("models", name, "backend") or name
        if cluster in taken:
            hint = "give each model a cluster of its own"
            draft.fault(("models", name), f"{taken[cluster]} is in cluster {cluster}, too", hint, at_key=True)
        taken.setdefault(cluster, name)


def _rules(draft: Draft, stage: Steps, known: tuple[str, str]) -> None:
    only = f"Envoy's routes follow one rule: the header {known[0]} with the value {known[1]}"
    hint = "name the header and its value in the driver's `preview` and in the routes of the configuration"
    asked = previewed(draft, (*stage, "preview"))
    if asked[0] and asked != known:
        draft.fault((*stage, "preview"), only, hint)
    for number, rule in enumerate(draft.places(*stage, "rules")):
        told = draft.value(*rule)
        # A percentage of users is faulted as that already.
        if told is not None and "percentage" not in told and (number or not _is(told, known)):
            draft.fault(rule, only, EVERYTHING)


def _is(rule: object, known: tuple[str, str]) -> bool:
    match rule:
        case {"header": {**headers}, **rest} if not rest and len(headers) == 1:
            ((name, value),) = headers.items()
            return (str(name).lower(), value) == known
        case _:
            return False
