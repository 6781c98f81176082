"""What a plan of the right shape may still get wrong about a Traefik that mlship does not start."""

from __future__ import annotations

from mlship.plan import units
from mlship.plan.balancer.copies import ONLY_PERCENTS, percents
from mlship.plan.balancer.pools import distinct, ruled, sole
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps, shown

NEEDED = {"api": "http://127.0.0.1:8080", "file": "/etc/traefik/dynamic/mlship-scorer.yml"}
"""Settings that every node has, its own or the driver's."""


def check_traefik(draft: Draft) -> None:
    """Add every fault of the driver's settings, of the models and of the stages."""
    at: Steps = ("driver", "traefik")
    nodes = list(draft.places(*at, "nodes"))
    for node in nodes or [at]:
        for key, example in NEEDED.items():
            if isinstance(draft.value(*at), dict) and not draft.has(*node, key) and not draft.has(*at, key):
                draft.fault(node, f"`{key}` is missing", f"add `{key}: {example}`", at_key=not nodes)
    sole(draft, at, "api")
    sole(draft, at, "file", hint="have each Traefik watch a folder of its own, and say `file` for each node")
    for name in draft.names("models"):
        if draft.has("models", name, "servers"):
            why = "Traefik itself tells the servers of a service"
            draft.fault(("models", name, "servers"), why, "remove it, name the service in `backend`", at_key=True)
    distinct(draft, "service")
    for stage in draft.places("stages"):
        ruled(draft, stage, "Traefik", percentage=False)
        _copies(draft, stage)


def _copies(draft: Draft, stage: Steps) -> None:
    for name in draft.names(*stage, "mirror"):
        told = draft.value(*stage, "mirror", name)
        share = units.basis_points(told) if isinstance(told, str) else None
        if share and (close := percents(share)):
            why, hint = f"Traefik {ONLY_PERCENTS}; got {shown(told)}", f"the nearest: {close}"
            draft.fault((*stage, "mirror", name), why, hint)
