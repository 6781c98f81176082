"""What the caller has to be allowed, and whether that is so: asked of IAM, or else found out by reading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlship.drivers.sagemaker.aws import Aws
from mlship.drivers.trouble import Trouble
from mlship.errors import OutOfReach, UsageError

ALWAYS = (
    "sagemaker:CreateModel", "sagemaker:DescribeModel", "sagemaker:DeleteModel", "sagemaker:ListModels",
    "sagemaker:CreateEndpointConfig", "sagemaker:DescribeEndpointConfig", "sagemaker:DeleteEndpointConfig",
    "sagemaker:ListEndpointConfigs", "sagemaker:CreateEndpoint", "sagemaker:DescribeEndpoint",
    "sagemaker:UpdateEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities", "sagemaker:DeleteEndpoint",
    "sagemaker:ListEndpoints", "sagemaker:ListTags", "sagemaker:AddTags", "iam:PassRole", "cloudwatch:GetMetricData",
)  # fmt: skip
"""Without these a rollout cannot be carried out, taken back, or cleared away."""

SOMETIMES: Mapping[str, Sequence[str]] = {
    "the alarms of managed stages": ("cloudwatch:DescribeAlarms",),
    "variants that are autoscaled": (
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:DescribeScheduledActions",
        "application-autoscaling:RegisterScalableTarget",
        "application-autoscaling:DeregisterScalableTarget",
        "application-autoscaling:PutScalingPolicy",
        "application-autoscaling:PutScheduledAction",
    ),
    "the quota that `mlship plan` compares with": ("servicequotas:ListServiceQuotas",),
}
"""What for → what else."""

READS: Sequence[tuple[str, str, Mapping[str, Any]]] = (
    ("sagemaker", "list_models", {"MaxResults": 1}),
    ("sagemaker", "list_endpoint_configs", {"MaxResults": 1}),
    ("sagemaker", "list_endpoints", {"MaxResults": 1}),
    ("cloudwatch", "describe_alarms", {"MaxRecords": 1}),
    ("application-autoscaling", "describe_scalable_targets", {"ServiceNamespace": "sagemaker", "MaxResults": 1}),
)
"""Calls that change nothing, where IAM does not tell what is allowed."""


def missing(aws: Aws) -> Iterator[Trouble]:
    """What the caller is not allowed; nothing is changed."""
    try:
        denied = _simulated(aws)
    except UsageError:
        yield from _read(aws)
        return
    grave = [action for action in ALWAYS if action in denied]
    if grave:
        yield Trouble(message=f"the caller may not {', '.join(grave)}", hint=POLICY)
    for purpose, actions in SOMETIMES.items():
        lacking = [action for action in actions if action in denied]
        if lacking:
            message = f"the caller may not {', '.join(lacking)}: needed for {purpose}"
            yield Trouble(message=message, hint=POLICY, grave=False)


POLICY = "let the caller's policy allow it; docs/sagemaker.md has the whole policy"


def _simulated(aws: Aws) -> frozenset[str]:
    """Actions that IAM says are denied, whatever the resource.

    Raises:
        UsageError: IAM does not tell the caller.
    """
    caller = aws.call("sts", "get_caller_identity")["Arn"]
    actions = [*ALWAYS, *(action for group in SOMETIMES.values() for action in group)]
    found = aws.call("iam", "simulate_principal_policy", PolicySourceArn=principal(caller), ActionNames=actions)
    results = found["EvaluationResults"]
    return frozenset(told["EvalActionName"] for told in results if told["EvalDecision"] != "allowed")


def principal(caller: str) -> str:
    """Whose policies a caller has: of a session, its role."""
    session = re.fullmatch(r"(arn:[\w-]+):sts::(\d+):assumed-role/([^/]+)/.+", caller)
    return f"{session[1]}:iam::{session[2]}:role/{session[3]}" if session else caller


def _read(aws: Aws) -> Iterator[Trouble]:
    for service, operation, parameters in READS:
        try:
            aws.call(service, operation, **parameters)
        except UsageError as error:
            yield Trouble(message=error.message, hint=error.hint)
        except OutOfReach as error:
            yield Trouble(message=error.message, hint=error.hint, grave=False)
    yield Trouble(
        message="which changes the caller may make is not known",
        hint="allow iam:SimulatePrincipalPolicy, and `mlship doctor` tells",
        grave=False,
    )
