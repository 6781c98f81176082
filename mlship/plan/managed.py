"""Stages whose traffic the backend moves by itself: which they are, and what they say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlship.plan import units
from mlship.plan.model import DriverSpec
from mlship.plan.shift import Managed

MODES = {"canary": {}, "blue-green": {"sagemaker": "managed"}, "rolling": {"sagemaker": "managed"}}
"""Strategy that can be managed → driver → the mode where the stage says none; everywhere else `weights`."""


def is_managed(strategy: str, mode: str | None, driver: str) -> bool:
    """The backend moves the traffic of the stage."""
    return strategy in MODES and (mode or MODES[strategy].get(driver)) == "managed"


def build_managed(stage: Mapping[str, Any], driver: DriverSpec) -> Managed | None:
    """What a checked stage says of its shift; None: mlship moves the traffic."""
    if not is_managed(stage["strategy"], stage.get("mode"), driver.name):
        return None
    limit = units.seconds(stage["at-most"]) if "at-most" in stage else None
    return Managed(alarms=tuple(stage.get("alarms", driver.settings.get("alarms", ()))), limit=limit)
