"""Balancers whose drivers count no requests."""

from __future__ import annotations

from mlship.plan.draft import Draft

COUNTLESS = frozenset({"alb", "rest"})


def check_requests(draft: Draft, driver: str) -> None:
    """A fault for each stage that waits for requests which nobody counts."""
    for stage in draft.places("stages"):
        path = (*stage, "requests")
        if draft.value(*path):
            draft.fault(path, f"driver {driver} counts no requests: it would wait for ever", "remove it; use `hold`")
