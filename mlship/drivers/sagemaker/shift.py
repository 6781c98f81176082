"""Traffic that SageMaker moves by itself (deployment guardrails): how it is asked for, followed, and told of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, assert_never

from msgspec.structs import replace

from mlship.drivers.sagemaker.aws import Aws
from mlship.drivers.sagemaker.changes import Act
from mlship.drivers.sagemaker.endpoint import Description, NotDone
from mlship.drivers.sagemaker.layout import Layout, Slot, spec_of
from mlship.drivers.sagemaker.ledger import Landing
from mlship.errors import MlshipError, ModelNotReady, RoutingRefused, UsageError
from mlship.plan.model import Model
from mlship.plan.shift import Shift, ShiftKind

TURNING_BACK = 1800.0
"""Seconds that SageMaker may take to bring the traffic back, beyond the limit of the shift."""

PHASES = {
    "Creating": "new instances start",
    "ActivatingTraffic": "the traffic moves to the new instances",
    "Baking": "the new instances are watched",
    "Deleting": "the old instances stop",
    "Updating": "instances are updated",
}
"""VariantStatus in words."""


def deployment(shift: Shift) -> dict[str, Any]:
    """The `DeploymentConfig` of UpdateEndpoint."""
    limit = {"MaximumExecutionTimeoutInSeconds": int(shift.limit)}
    if shift.kind is ShiftKind.ROLLING:
        batch = {"Type": "INSTANCE_COUNT", "Value": shift.batch}
        rolling = {"MaximumBatchSize": batch, "WaitIntervalInSeconds": int(shift.interval), **limit}
        policy: dict[str, Any] = {"RollingUpdatePolicy": rolling}
    else:
        routing = {"WaitIntervalInSeconds": int(shift.interval), **_traffic(shift.kind, shift.share // 100)}
        waits = {"TerminationWaitInSeconds": int(shift.bake), **limit}
        policy = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, **waits}}
    alarms = [{"AlarmName": name} for name in shift.alarms]
    return {**policy, "AutoRollbackConfiguration": {"Alarms": alarms}} if alarms else policy


def _traffic(kind: ShiftKind, percent: int) -> dict[str, Any]:
    size = {"Type": "CAPACITY_PERCENT", "Value": percent}
    match kind:
        case ShiftKind.CANARY:
            return {"Type": "CANARY", "CanarySize": size}
        case ShiftKind.LINEAR:
            return {"Type": "LINEAR", "LinearStepSize": size}
        case ShiftKind.ALL_AT_ONCE:
            return {"Type": "ALL_AT_ONCE"}
        case ShiftKind.ROLLING:
            raise ValueError("a rolling shift has no traffic of its own to route")
        case _:
            assert_never(kind)


def succeeding(slot: Slot, model: Model, made: str, *, instance_type: str) -> Slot:
    """The variant with another model in it. Its name stays, which guardrails ask for, and so does what it is not told.

    Instances that autoscaling or a person has added stay, too.
    """
    spec = {key: value for key, value in slot.spec.items() if key != "ServerlessConfig"}
    count = max(slot.count or 1, model.replicas)
    return replace(slot, model=made, count=count, spec={**spec, **spec_of(model, instance_type=instance_type)})


def shifted(config: str, shift: Shift, *, landing: Landing, counted: bool) -> Act:
    """One update that SageMaker carries out in its own time; `counted`: with the instances that the configuration says.

    Which model the variant holds then is in `landing`: the split in weights is the same before and after.
    """
    told = ("DesiredWeight", "DesiredInstanceCount") if counted else ("DesiredWeight",)
    return Act(
        operation="update_endpoint",
        parameters={
            "EndpointConfigName": config,
            "RetainAllVariantProperties": True,
            "ExcludeRetainedVariantProperties": [{"VariantPropertyType": kind} for kind in told],
            "DeploymentConfig": deployment(shift),
        },
        met=lambda seen: seen.config == config,
        config=config,
        landing=landing,
        within=shift.limit + TURNING_BACK,
    )


def in_the_way(layout: Layout) -> Sequence[str]:
    """Variants without users, which have to go first: guardrails replace the fleet of one variant that stays alone."""
    return [slot.name for slot in layout.slots if slot.shadow or not layout.shares.get(slot.name)]


def progress(seen: Description) -> str:
    """Which stretch of a change has begun, in words; empty: none is under way."""
    if seen.status == "RollingBack":
        return "SageMaker brings the traffic back to the old instances"
    words = PHASES.get(seen.phase, "") if seen.pending else ""
    return f"SageMaker: {words}" if words else ""


def turned_back(endpoint: str, error: NotDone, tripped: Iterable[str]) -> ModelNotReady:
    """What to raise for a shift that SageMaker has undone: the old instances serve."""
    names = ", ".join(tripped)
    alarm = f" (in ALARM: {names})" if names else ""
    hint = "see the alarms, and CloudWatch, /aws/sagemaker/Endpoints/" + endpoint
    return ModelNotReady(f"SageMaker has brought the traffic back on {endpoint}{alarm}: {error.said}", hint=hint)


def alarm_states(aws: Aws, alarms: Sequence[str]) -> Mapping[str, str]:
    """Alarm → its state; one that is not there is left out.

    Raises:
        MlshipError: AWS does not tell.
    """
    if not alarms:
        return {}
    found = aws.call("cloudwatch", "describe_alarms", AlarmNames=list(alarms), AlarmTypes=KINDS)
    both = (*found.get("MetricAlarms", ()), *found.get("CompositeAlarms", ()))
    return {told["AlarmName"]: told["StateValue"] for told in both}


def in_alarm(aws: Aws, alarms: Sequence[str]) -> Sequence[str]:
    """Which of these alarms are in ALARM now; none where AWS does not tell: what went wrong matters more."""
    with suppress(MlshipError):
        return [name for name, state in alarm_states(aws, alarms).items() if state == "ALARM"]
    return []


def must_be_quiet(aws: Aws, alarms: Sequence[str]) -> None:
    """Alarms that would undo the shift as soon as it begins, because the old instances are in trouble already.

    Raises:
        RoutingRefused: one is in ALARM, or not there.
    """
    try:
        states = alarm_states(aws, alarms)
    except UsageError:
        # Who may not ask leaves it to SageMaker.
        return
    for name in alarms:
        if name not in states:
            hint = "make it, or name the right one in `alarms`; nothing was changed"
            raise RoutingRefused(f"there is no CloudWatch alarm {name} in {aws.region}", hint=hint)
        if states[name] == "ALARM":
            hint = "put right what it tells of, then `mlship resume`; nothing was changed"
            raise RoutingRefused(f"alarm {name} is in ALARM already: SageMaker would go back at once", hint=hint)


KINDS = ["MetricAlarm", "CompositeAlarm"]
"""Without them CloudWatch leaves composite alarms out."""
