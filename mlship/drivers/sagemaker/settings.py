"""What a plan says of SageMaker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from mlship.plan import units

SECONDS = {"poll": 10.0, "update-within": 3600.0, "metrics-lag": 180.0, "capture-lag": 600.0}
"""Durations, with their defaults."""

ATTEMPTS = 6


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The driver's settings, checked; texts are empty where the plan says nothing."""

    endpoint: str
    region: str = ""
    profile: str = ""
    role: str = ""
    instance_type: str = ""
    capture: str = ""
    """S3 address, without a slash at its end."""
    kms_key: str = ""
    alarms: tuple[str, ...] = ()
    """Names of CloudWatch alarms, of the stages that name none."""
    tags: Mapping[str, str] = msgspec.field(default_factory=dict)
    poll: float = SECONDS["poll"]
    """Seconds between two looks at an endpoint that is being changed."""
    update_within: float = SECONDS["update-within"]
    metrics_lag: float = SECONDS["metrics-lag"]
    """Seconds after which a minute of CloudWatch's is final."""
    capture_lag: float = SECONDS["capture-lag"]
    """Seconds after a request in which its captured line is still waited for."""
    attempts: int = ATTEMPTS


def settings_of(told: Mapping[str, Any], *, service: str) -> Settings:
    """The settings of a plan."""
    texts = {key.replace("-", "_"): told[key] for key in ("region", "profile", "role", "instance-type") if key in told}
    waits = {key: units.seconds(told.get(key, default)) for key, default in SECONDS.items()}
    return Settings(
        endpoint=told.get("endpoint", service),
        # A slash at its end would become a folder without a name.
        capture=told.get("capture", "").rstrip("/"),
        kms_key=told.get("kms-key", ""),
        alarms=tuple(told.get("alarms", ())),
        tags=told.get("tags", {}),
        attempts=told.get("attempts", ATTEMPTS),
        poll=waits["poll"],
        update_within=waits["update-within"],
        metrics_lag=waits["metrics-lag"],
        capture_lag=waits["capture-lag"],
        **texts,
    )
