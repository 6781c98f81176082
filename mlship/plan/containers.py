"""What a plan of the right shape may still get wrong about containers."""

from __future__ import annotations

from mlship.plan.balancer.check import BALANCERS
from mlship.plan.draft import Draft
from mlship.plan.fault import Steps, shown

KEYS = (
    "image", "digest", "build", "port", "healthcheck", "secrets", "volumes", "labels", "user", "read-only", "resources",
)  # fmt: skip
"""Keys of a model that only a container can follow."""

_WITHOUT = {"process", "memory", *BALANCERS}
"""Drivers that run no containers; those of other packages say for themselves what they make of the keys."""


def check_containers(draft: Draft, driver: str) -> None:
    """Add every fault of the models and the driver's settings."""
    for name in draft.names("models"):
        path: Steps = ("models", name)
        if driver == "docker" and isinstance(draft.value(*path), dict):
            _source(draft, path)
        if draft.value(*path, "read-only") and draft.has(*path, "secrets"):
            hint = "pass them in `env`, or leave `read-only` out"
            draft.fault((*path, "secrets"), "cannot be put into a container that is read-only", hint, at_key=True)
        for key in KEYS if driver in _WITHOUT else ():
            if draft.has(*path, key):
                draft.fault((*path, key), f"driver {driver} runs no containers", "remove it", at_key=True)
    listen = draft.value("driver", "docker", "listen")
    if listen is not None and not 1 <= int(listen.rpartition(":")[2]) <= 65_535:
        draft.fault(("driver", "docker", "listen"), f"expected a port from 1 to 65535; got {shown(listen)}")
    if draft.has("driver", "docker", "host") and draft.has("driver", "docker", "context"):
        draft.fault(("driver", "docker", "context"), "the daemon is named twice", "remove `host` or `context`")


def _source(draft: Draft, path: Steps) -> None:
    if draft.has(*path, "image") and draft.has(*path, "build"):
        draft.fault((*path, "build"), "is an image already", "remove `image` or `build`", at_key=True)
    elif not draft.has(*path, "image") and not draft.has(*path, "build"):
        hint = "add `image: NAME:TAG`, or `build: FOLDER`"
        draft.fault(path, "`image` is missing: driver docker starts the model from it", hint, at_key=True)
