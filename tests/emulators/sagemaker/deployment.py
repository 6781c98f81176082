"""How an update goes, as phases with durations and shares of the traffic.

Documented: the order of provisioning, shifting, baking and terminating, the sizes and waits of the policies, and that
alarms are watched while it bakes. Our reading: how long provisioning and shifting take; that the last bake of a
canary or linear shift is TerminationWaitInSeconds; that the share of the traffic is exactly the size asked for.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from tests.emulators.sagemaker.fleet import Fleet
from tests.emulators.sagemaker.settings import Timings

DEFAULT_TIMEOUT = 28_800.0
"""Seconds; where a policy names none, our reading. Without any policy an update may hang for ever."""


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of an update."""

    status: str
    """VariantStatus: Creating, ActivatingTraffic, Baking, Updating or Deleting."""
    seconds: float
    share: float
    """Of the traffic that the new fleet gets, 0..1."""


def phases(policy: dict[str, Any], timings: Timings, instances: int) -> list[Phase]:
    """The phases of UpdateEndpoint under a DeploymentConfig, which may be empty; `instances` of the new fleet."""
    if "RollingUpdatePolicy" in policy:
        return _rolling(policy["RollingUpdatePolicy"], timings, instances)
    blue_green = policy.get("BlueGreenUpdatePolicy", {})
    routing = blue_green.get("TrafficRoutingConfiguration", {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0})
    wait = float(routing["WaitIntervalInSeconds"])
    found = [Phase(status="Creating", seconds=timings.provision, share=0.0)]
    steps = _steps(routing, instances)
    for before, share in zip([0.0, *steps], steps, strict=False):
        found.append(Phase(status="ActivatingTraffic", seconds=timings.shift, share=before))
        if share < 1.0 or routing["Type"] == "ALL_AT_ONCE":
            found.append(Phase(status="Baking", seconds=wait, share=share))
    last = float(blue_green.get("TerminationWaitInSeconds", 0))
    return [
        *found,
        Phase(status="Baking", seconds=last, share=1.0),
        Phase(status="Deleting", seconds=timings.terminate, share=1.0),
    ]


def beside(policy: dict[str, Any], new: Fleet) -> dict[str, int]:
    """Instances by type that an update needs beside those that serve: a batch when rolling, else a whole fleet."""
    if "RollingUpdatePolicy" not in policy:
        return new.instances()
    size = policy["RollingUpdatePolicy"]["MaximumBatchSize"]
    return {kind: _batch(size, count) for kind, count in new.instances().items()}


def timeout(policy: dict[str, Any]) -> float:
    """MaximumExecutionTimeoutInSeconds."""
    if not policy:
        return math.inf
    kind = policy.get("BlueGreenUpdatePolicy") or policy.get("RollingUpdatePolicy") or {}
    return float(kind.get("MaximumExecutionTimeoutInSeconds", DEFAULT_TIMEOUT))


def alarm_names(policy: dict[str, Any]) -> list[str]:
    """The alarms of the AutoRollbackConfiguration."""
    return [alarm["AlarmName"] for alarm in policy.get("AutoRollbackConfiguration", {}).get("Alarms", [])]


def part(size: dict[str, Any], instances: int) -> float:
    """A CapacitySize as a share of the instances, 0..1."""
    whole = 100 if size["Type"] == "CAPACITY_PERCENT" else max(instances, 1)
    return min(float(size["Value"]) / whole, 1.0)


def _steps(routing: dict[str, Any], instances: int) -> list[float]:
    match routing["Type"]:
        case "CANARY":
            return [part(routing["CanarySize"], instances), 1.0]
        case "LINEAR":
            size = part(routing["LinearStepSize"], instances)
            return [min(size * step, 1.0) for step in range(1, math.ceil(1.0 / size - 1e-9) + 1)]
        case _:
            return [1.0]


def _batch(size: dict[str, Any], instances: int) -> int:
    return max(math.ceil(part(size, instances) * instances - 1e-9), 1)


def _rolling(policy: dict[str, Any], timings: Timings, instances: int) -> list[Phase]:
    batch = _batch(policy["MaximumBatchSize"], instances)
    found = []
    for done in range(0, instances, batch):
        before, after = done / instances, min(done + batch, instances) / instances
        found += [
            Phase(status="Creating", seconds=timings.provision, share=before),
            Phase(status="ActivatingTraffic", seconds=timings.shift, share=before),
            Phase(status="Baking", seconds=float(policy["WaitIntervalInSeconds"]), share=after),
            Phase(status="Deleting", seconds=timings.terminate, share=after),
        ]
    return found
