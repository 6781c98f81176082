"""What plans for balancers that mlship does not start have in common, and which file knows the rest."""

from __future__ import annotations

from importlib import import_module

from mlship.plan.draft import Draft
from mlship.plan.fault import Steps

BALANCERS = frozenset({"alb", "caddy", "envoy", "haproxy", "nginx", "rest", "traefik"})
"""Drivers that move the weights of a balancer which is somebody else's: a file of this folder has `check_NAME`."""

STARTS = ("command", "env", "workdir", "replicas", "timeout", "drain")
"""Keys of a model that only a driver can follow which starts it, or is its router."""

POOLS = ("backend", "servers", "target-group")
"""Keys of a model that only a balancer's driver can follow."""

_OURS = {"process", "docker", "memory"}
"""Drivers of other packages say for themselves what they make of the keys."""


def check_balancers(draft: Draft, driver: str) -> None:
    """Add every fault of the models and of the driver's settings."""
    own = driver in BALANCERS
    for name in draft.names("models"):
        path: Steps = ("models", name)
        for key in STARTS if own else POOLS if driver in _OURS else ():
            if draft.has(*path, key):
                why = "does not start the servers, they are yours" if own else "has no pools of servers"
                draft.fault((*path, key), f"driver {driver} {why}", "remove it", at_key=True)
        if own and driver != "alb" and draft.has(*path, "target-group"):
            draft.fault((*path, "target-group"), f"driver {driver} has no target groups", "remove it", at_key=True)
    if own:
        getattr(import_module(f"mlship.plan.balancer.{driver}"), f"check_{driver}")(draft)
