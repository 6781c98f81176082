"""The drivers to name where another one cannot. The tests read a plan of each kind for each driver."""

from __future__ import annotations

from mlship.plan.draft import Draft
from mlship.plan.fault import Steps

EVERYTHING = "drivers that can: docker, process"
"""Every rule, several copies at once, answers that are kept."""
USERS = "drivers that can: docker, haproxy, nginx, process"
"""A user stays on one model."""
FINE = "docker, envoy, haproxy, nginx, process, traefik"
FINER = f"drivers for finer steps: {FINE}"
"""Steps of 0.01%."""
AT_ONCE = f"drivers that can: caddy, {FINE}"
"""The whole split in one change."""
BANDIT = f"drivers that can: {FINE}"
"""Steps of 0.01% one soon after the other, and a goal from a source in `metrics`."""
COPIES = "drivers that can without it: docker, envoy, process, traefik"
"""Copies of requests by what they have of their own."""


def bandit(draft: Draft, stage: Steps) -> str:
    """Who can run this one: outcomes by request need answers that are kept."""
    goal = draft.value(*stage, "goal")
    return EVERYTHING if goal is not None and draft.has("metrics", goal, "outcome") else BANDIT
