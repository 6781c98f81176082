"""Creating, updating, re-weighting, describing and deleting endpoints."""

from __future__ import annotations

from copy import deepcopy

from tests.emulators.sagemaker import catalogue, deployment, describe, rules
from tests.emulators.sagemaker.deployment import Phase
from tests.emulators.sagemaker.endpoints import Endpoint, Update
from tests.emulators.sagemaker.errors import absent, existing, invalid
from tests.emulators.sagemaker.fleet import Fleet, launched, retain
from tests.emulators.sagemaker.settings import Outcome
from tests.emulators.sagemaker.world import Asked, Handler, Region, World


def create_endpoint(world: World, region: Region, asked: Asked) -> Asked:
    """CreateEndpoint."""
    name, arn = asked["EndpointName"], region.arn("endpoint", asked["EndpointName"])
    if name in region.endpoints:
        raise existing("endpoint", arn)
    fleet = _fleet(region, asked["EndpointConfigName"])
    rules.quota(world.settings, region, fleet.instances())
    policy = asked.get("DeploymentConfig")
    now = world.clock.now()
    endpoint = Endpoint(name=name, arn=arn, created=now, modified=now, status="Creating", fleet=fleet, policy=policy)
    way = [Phase(status="Creating", seconds=world.settings.timings.provision, share=0.0)]
    update = Update(
        kind="create",
        phases=way,
        new=fleet,
        policy=policy,
        outcome=_outcome(world, name, "create"),
        began=now,
        entered=now,
    )
    endpoint.begin(update, "Creating")
    region.endpoints[name] = endpoint
    region.unseen[arn] = world.settings.unseen_reads
    catalogue.tag(region, arn, asked.get("Tags", []))
    return {"EndpointArn": arn}


def describe_endpoint(world: World, region: Region, asked: Asked) -> Asked:
    """DescribeEndpoint."""
    endpoint = _endpoint(region, asked["EndpointName"])
    region.seen("endpoint", "endpoint", endpoint.name)
    return endpoint.former.pop(0) if endpoint.former else describe.endpoint(endpoint)


def update_endpoint(world: World, region: Region, asked: Asked) -> Asked:
    """UpdateEndpoint."""
    endpoint = _free(region, asked["EndpointName"])
    catalogue.found(region, "endpoint-config", endpoint.fleet.config_name, region.configs)
    new = _fleet(region, asked["EndpointConfigName"])
    if asked.get("RetainAllVariantProperties", False):
        retain(new, endpoint.fleet, _excluded(asked))
    elif "ExcludeRetainedVariantProperties" in asked:
        raise invalid("ExcludeRetainedVariantProperties needs RetainAllVariantProperties to be true.")
    policy = _policy(asked, endpoint)
    rules.scaled(new, endpoint.fleet, region, endpoint.name)
    if policy:
        rules.policy(policy, new, endpoint.fleet, region)
    way = deployment.phases(policy, world.settings.timings, sum(variant.wanted_count for variant in new.variants))
    rules.duration(policy, way)
    extra = deployment.beside(policy, new)
    rules.quota(world.settings, region, extra)
    now = world.clock.now()
    update = Update(
        kind="update",
        phases=way,
        new=new,
        policy=policy or None,
        outcome=_outcome(world, endpoint.name, "update"),
        alarms=deployment.alarm_names(policy),
        extra=extra,
        began=now,
        entered=now,
        deadline=now + world.settings.seconds(deployment.timeout(policy)),
    )
    _start(world, endpoint, update)
    return {"EndpointArn": endpoint.arn}


def update_weights(world: World, region: Region, asked: Asked) -> Asked:
    """UpdateEndpointWeightsAndCapacities; what a variant is not told stays as it is."""
    endpoint = _free(region, asked["EndpointName"])
    wanted = asked["DesiredWeightsAndCapacities"]
    names = [item["VariantName"] for item in wanted]
    unknown = [name for name in names if endpoint.fleet.variant(name) is None]
    if unknown:
        raise invalid(
            f'The variant name(s) "{", ".join(unknown)}" is/are not present within endpoint "{endpoint.arn}".'
        )
    if len(set(names)) < len(names):
        raise invalid("The variant names in DesiredWeightsAndCapacities must be unique.")
    if sum("DesiredInstanceCount" in item for item in wanted) > 1:
        raise invalid("The capacity of only one variant can be updated at a time.")
    _want(world, region, endpoint, wanted)
    return {"EndpointArn": endpoint.arn}


def delete_endpoint(world: World, region: Region, asked: Asked) -> Asked:
    """DeleteEndpoint; refused while it is busy."""
    endpoint = _endpoint(region, asked["EndpointName"])
    if endpoint.busy:
        raise _in_progress(endpoint)
    now = world.clock.now()
    way = [Phase(status="Deleting", seconds=world.settings.timings.delete, share=0.0)]
    endpoint.begin(Update(kind="delete", phases=way, began=now, entered=now), "Deleting")
    return {}


def system_update(world: World, region: Region, name: str, seconds: float) -> None:
    """AWS's own maintenance of an endpoint, which nobody asked for."""
    endpoint, now = _endpoint(region, name), world.clock.now()
    way = [Phase(status="Updating", seconds=seconds * world.settings.speed, share=0.0)]
    endpoint.begin(Update(kind="system", phases=way, began=now, entered=now), "SystemUpdating")


def release(world: World, region: Region, name: str) -> None:
    """Let an update that is stuck go on."""
    update = _endpoint(region, name).update
    if update is not None:
        update.outcome, update.entered = None, world.clock.now()


def _want(world: World, region: Region, endpoint: Endpoint, wanted: list[Asked]) -> None:
    new = {item["VariantName"]: item for item in wanted}
    told = [
        new.get(variant.name, {}).get("DesiredWeight", variant.wanted_weight) for variant in endpoint.fleet.variants
    ]
    rules.weights(told)
    more: dict[str, int] = {}
    for variant in endpoint.fleet.variants:
        count = new.get(variant.name, {}).get("DesiredInstanceCount", variant.wanted_count)
        if variant.instance_type is not None:
            more[variant.instance_type] = more.get(variant.instance_type, 0) + count - variant.wanted_count
    rules.quota(world.settings, region, more)
    scales = any(count != 0 for count in more.values())
    for variant, weight in zip(endpoint.fleet.variants, told, strict=True):
        variant.wanted_weight = float(weight)
        variant.wanted_count = new.get(variant.name, {}).get("DesiredInstanceCount", variant.wanted_count)
    now, timings = world.clock.now(), world.settings.timings
    way = [Phase(status="Updating", seconds=timings.counts if scales else timings.weights, share=0.0)]
    outcome = _outcome(world, endpoint.name, "weights")
    _start(world, endpoint, Update(kind="weights", phases=way, outcome=outcome, began=now, entered=now))


def _start(world: World, endpoint: Endpoint, update: Update) -> None:
    before = deepcopy(describe.endpoint(endpoint))
    endpoint.former = [before] * world.settings.stale_describes
    endpoint.failure = None
    endpoint.begin(update, "Updating")


def _endpoint(region: Region, name: str) -> Endpoint:
    if name not in region.endpoints:
        raise absent("endpoint", region.arn("endpoint", name))
    return region.endpoints[name]


def _free(region: Region, name: str) -> Endpoint:
    endpoint = _endpoint(region, name)
    if endpoint.busy:
        raise _in_progress(endpoint)
    if endpoint.status == "Failed":
        raise invalid(f'Cannot update failed endpoint "{endpoint.arn}". DeleteEndpoint is the only operation possible.')
    return endpoint


def _in_progress(endpoint: Endpoint) -> Exception:
    return invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')


def _fleet(region: Region, config_name: str) -> Fleet:
    config = catalogue.found(region, "endpoint-config", config_name, region.configs)
    specs = [*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])]
    names = {spec["ModelName"] for spec in specs}
    return launched(config, {name: catalogue.found(region, "model", name, region.models) for name in names})


def _excluded(asked: Asked) -> list[str]:
    found = [item["VariantPropertyType"] for item in asked.get("ExcludeRetainedVariantProperties", [])]
    if "DataCaptureConfig" in found:
        raise invalid("VariantPropertyType DataCaptureConfig is not currently supported.")
    return found


def _policy(asked: Asked, endpoint: Endpoint) -> Asked:
    if asked.get("RetainDeploymentConfig", False):
        return dict(endpoint.policy or {})
    return dict(asked.get("DeploymentConfig", {}))


def _outcome(world: World, name: str, kind: str) -> Outcome | None:
    for outcome in world.settings.outcomes:
        if outcome.endpoint in {None, name} and outcome.on in {"any", kind}:
            world.settings.outcomes.remove(outcome)
            return outcome
    return None


HANDLERS: dict[str, Handler] = {
    "CreateEndpoint": create_endpoint,
    "DescribeEndpoint": describe_endpoint,
    "UpdateEndpoint": update_endpoint,
    "UpdateEndpointWeightsAndCapacities": update_weights,
    "DeleteEndpoint": delete_endpoint,
}
