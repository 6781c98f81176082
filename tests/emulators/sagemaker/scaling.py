"""Application Auto Scaling: scalable targets and policies are kept, nothing is scaled."""

from __future__ import annotations

from tests.emulators.sagemaker.errors import ApiError, invalid
from tests.emulators.sagemaker.world import ACCOUNT, Asked, Handler, Region, World

DIMENSION = "sagemaker:variant:DesiredInstanceCount"


def register(world: World, region: Region, asked: Asked) -> Asked:
    """RegisterScalableTarget; refused while the endpoint changes."""
    resource = _resource(asked)
    _there(region, resource)
    if resource not in region.targets and not {"MinCapacity", "MaxCapacity"} <= set(asked):
        raise invalid("MinCapacity and MaxCapacity are required for a new scalable target.")
    role = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/Endpoint"
    kept = region.targets.get(resource, {"RoleARN": role, "CreationTime": world.clock.now()})
    region.targets[resource] = kept | {key: value for key, value in asked.items() if key != "Tags"}
    owner = f"{region.name}:{ACCOUNT}"
    return {"ScalableTargetARN": f"arn:aws:application-autoscaling:{owner}:scalable-target/{len(region.targets)}"}


def deregister(world: World, region: Region, asked: Asked) -> Asked:
    """DeregisterScalableTarget; its policies and scheduled actions go with it."""
    resource = _resource(asked)
    if region.targets.pop(resource, None) is None:
        raise _missing(resource)
    region.policies = {key: policy for key, policy in region.policies.items() if key[0] != resource}
    region.actions = {key: action for key, action in region.actions.items() if key[0] != resource}
    return {}


def describe_targets(world: World, region: Region, asked: Asked) -> Asked:
    """DescribeScalableTargets in one page."""
    wanted = asked.get("ResourceIds")
    targets = [target for resource, target in sorted(region.targets.items()) if wanted is None or resource in wanted]
    return {"ScalableTargets": targets}


def put_policy(world: World, region: Region, asked: Asked) -> Asked:
    """PutScalingPolicy."""
    resource = _resource(asked)
    if resource not in region.targets:
        raise _missing(resource)
    name = asked["PolicyName"]
    place = f"{region.name}:{ACCOUNT}:scalingPolicy:emulated:resource/sagemaker/{resource}"
    arn = f"arn:aws:autoscaling:{place}:policyName/{name}"
    kept = {"PolicyARN": arn, "CreationTime": world.clock.now(), "PolicyType": "StepScaling"}
    region.policies[resource, name] = kept | asked
    return {"PolicyARN": arn, "Alarms": []}


def describe_policies(world: World, region: Region, asked: Asked) -> Asked:
    """DescribeScalingPolicies in one page."""
    resource, names = asked.get("ResourceId"), asked.get("PolicyNames")
    return {
        "ScalingPolicies": [
            policy
            for key, policy in sorted(region.policies.items())
            if resource in {None, key[0]} and (names is None or key[1] in names)
        ]
    }


def put_action(world: World, region: Region, asked: Asked) -> Asked:
    """PutScheduledAction; nothing ever becomes due."""
    resource = _resource(asked)
    if resource not in region.targets:
        raise _missing(resource)
    name = asked["ScheduledActionName"]
    place = f"{region.name}:{ACCOUNT}:scheduledAction:emulated:resource/sagemaker/{resource}"
    arn = f"arn:aws:autoscaling:{place}:scheduledActionName/{name}"
    region.actions[resource, name] = {"ScheduledActionARN": arn, "CreationTime": world.clock.now(), **asked}
    return {}


def describe_actions(world: World, region: Region, asked: Asked) -> Asked:
    """DescribeScheduledActions in one page."""
    resource = asked.get("ResourceId")
    return {"ScheduledActions": [told for key, told in sorted(region.actions.items()) if resource in {None, key[0]}]}


def delete_policy(world: World, region: Region, asked: Asked) -> Asked:
    """DeleteScalingPolicy."""
    if region.policies.pop((_resource(asked), asked["PolicyName"]), None) is None:
        raise ApiError("ObjectNotFoundException", f"No scaling policy found for {asked['PolicyName']}.")
    return {}


def _resource(asked: Asked) -> str:
    if asked["ServiceNamespace"] != "sagemaker" or asked["ScalableDimension"] != DIMENSION:
        raise invalid(f"Only {DIMENSION} of sagemaker is emulated.")
    return str(asked["ResourceId"])


def _there(region: Region, resource: str) -> None:
    parts = resource.split("/")
    endpoint = region.endpoints.get(parts[1]) if len(parts) == 4 else None
    if endpoint is None or endpoint.fleet.variant(parts[3]) is None:
        raise invalid(f"ECS service or SageMaker variant doesn't exist: {resource}")
    if endpoint.busy:
        raise ApiError("ConcurrentUpdateException", f"You already have a pending update to {resource}.")


def _missing(resource: str) -> ApiError:
    where = f"service namespace: sagemaker, resource ID: {resource}, scalable dimension: {DIMENSION}"
    return ApiError("ObjectNotFoundException", f"No scalable target registered for {where}")


HANDLERS: dict[str, Handler] = {
    "RegisterScalableTarget": register,
    "DeregisterScalableTarget": deregister,
    "DescribeScalableTargets": describe_targets,
    "PutScalingPolicy": put_policy,
    "DescribeScalingPolicies": describe_policies,
    "DeleteScalingPolicy": delete_policy,
    "PutScheduledAction": put_action,
    "DescribeScheduledActions": describe_actions,
}
