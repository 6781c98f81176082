"""What a plan means where it is silent, beside the defaults that stand in `model.py`.

The schema states the same values under `default`, for editors; a test keeps the two in agreement.
"""

from __future__ import annotations

from collections.abc import Mapping

from mlship.plan.model import Comparison, DriverSpec, Threshold

DRIVER = DriverSpec(name="process", settings={"listen": "127.0.0.1:8080"})

SHADOW_HOLD = 60.0
FLAG_HOLD = 60.0
AB_HOLD = 3600.0
BANDIT_HOLD = 60.0
CANARY_HOLD = 60.0
BLUE_GREEN_HOLD = 0.0
ROLLING_HOLD = 30.0
MANAGED_HOLD = 600.0
"""In `mode: managed`: an alarm needs some minutes of numbers, which are late by some minutes."""
BAKE = 300.0
"""After the switch of blue-green, and after the start of recreate."""

FLOOR = 100
"""Basis points that each arm of a bandit keeps."""
EXPERIMENT = 14 * 24 * 3600.0
"""Most seconds of an A/B test or a bandit."""

LOOKS: Mapping[str, Mapping[str, float]] = {"sagemaker": {"look_every": 60.0}}
"""Of drivers whose numbers come more slowly than others: CloudWatch tells whole minutes."""

BATCH = 1
SURGE = 1
UNAVAILABLE = 0

DISCOUNTS = {"none": 1.0, "slow": 0.99, "fast": 0.98}
"""What `drift` of a bandit makes of the weight of older outcomes, at each change."""

COMPARISONS = (
    Comparison(name="no-more-errors", metric="error_rate", margin=0.01),
    Comparison(name="not-slower", metric="latency_p95", margin=0.05),
)
"""Gates of a stage in which both models serve, in a plan that has no gates."""

CEILING = Threshold(name="error-ceiling", metric="error_rate", maximum=0.05, sustained=10.0)
"""The guard of a plan that has no guards, and the gate of a stage that has nothing to compare."""
