"""Models, endpoint configurations, tags and listings: what does not change over time."""

from __future__ import annotations

from collections.abc import Iterable

from tests.emulators.sagemaker import rules
from tests.emulators.sagemaker.errors import absent, existing, invalid
from tests.emulators.sagemaker.world import Asked, Handler, Region, World

WORDS = {"model": "model", "endpoint-config": "endpoint configuration", "endpoint": "endpoint"}


def create_model(world: World, region: Region, asked: Asked) -> Asked:
    """CreateModel."""
    name = asked["ModelName"]
    if ("PrimaryContainer" in asked) == ("Containers" in asked):
        raise invalid("Exactly one of PrimaryContainer and Containers must be specified.")
    arn = _new(world, region, "model", asked, region.models)
    kept = {key: value for key, value in asked.items() if key != "Tags"}
    defaults = {"EnableNetworkIsolation": False}
    region.models[name] = defaults | kept | {"ModelArn": arn, "CreationTime": world.clock.now()}
    return {"ModelArn": arn}


def describe_model(world: World, region: Region, asked: Asked) -> Asked:
    """DescribeModel."""
    return found(region, "model", asked["ModelName"], region.models)


def delete_model(world: World, region: Region, asked: Asked) -> Asked:
    """DeleteModel; one that serves may be deleted."""
    return _delete(region, "model", asked["ModelName"], region.models)


def create_endpoint_config(world: World, region: Region, asked: Asked) -> Asked:
    """CreateEndpointConfig."""
    name = asked["EndpointConfigName"]
    if name not in region.configs:
        rules.config(asked, region)
    arn = _new(world, region, "endpoint-config", asked, region.configs)
    kept = {key: value for key, value in asked.items() if key != "Tags"}
    for key in ("ProductionVariants", "ShadowProductionVariants"):
        if key in kept:
            kept[key] = [{"InitialVariantWeight": 1.0} | variant for variant in kept[key]]
    region.configs[name] = kept | {"EndpointConfigArn": arn, "CreationTime": world.clock.now()}
    return {"EndpointConfigArn": arn}


def describe_endpoint_config(world: World, region: Region, asked: Asked) -> Asked:
    """DescribeEndpointConfig."""
    return found(region, "endpoint-config", asked["EndpointConfigName"], region.configs)


def delete_endpoint_config(world: World, region: Region, asked: Asked) -> Asked:
    """DeleteEndpointConfig; one that serves may be deleted, and is missed later."""
    return _delete(region, "endpoint-config", asked["EndpointConfigName"], region.configs)


def found(region: Region, kind: str, name: str, where: dict[str, Asked]) -> Asked:
    """A resource by its name.

    Raises:
        ApiError: there is none, or this read does not see it yet.
    """
    if name not in where:
        raise absent(WORDS[kind], region.arn(kind, name))
    region.seen(kind, WORDS[kind], name)
    return where[name]


def tag(region: Region, arn: str, tags: Iterable[dict[str, str]]) -> None:
    """Keep tags of a resource."""
    region.tags.setdefault(arn, {}).update({pair["Key"]: pair["Value"] for pair in tags})


def list_models(world: World, region: Region, asked: Asked) -> Asked:
    """ListModels."""
    rows = [_row(model, ("ModelName", "ModelArn", "CreationTime")) for model in region.models.values()]
    return _page(rows, asked, "ModelName", "Models")


def list_endpoint_configs(world: World, region: Region, asked: Asked) -> Asked:
    """ListEndpointConfigs."""
    keys = ("EndpointConfigName", "EndpointConfigArn", "CreationTime")
    return _page(
        [_row(config, keys) for config in region.configs.values()], asked, "EndpointConfigName", "EndpointConfigs"
    )


def list_endpoints(world: World, region: Region, asked: Asked) -> Asked:
    """ListEndpoints."""
    rows = [
        {
            "EndpointName": endpoint.name,
            "EndpointArn": endpoint.arn,
            "CreationTime": endpoint.created,
            "LastModifiedTime": endpoint.modified,
            "EndpointStatus": endpoint.status,
        }
        for endpoint in region.endpoints.values()
    ]
    wanted = asked.get("StatusEquals")
    rows = [row for row in rows if wanted in {None, row["EndpointStatus"]}]
    return _page(rows, asked, "EndpointName", "Endpoints")


def add_tags(world: World, region: Region, asked: Asked) -> Asked:
    """AddTags."""
    _tagged(region, asked["ResourceArn"])
    tag(region, asked["ResourceArn"], asked["Tags"])
    return {"Tags": _tags(region, asked["ResourceArn"])}


def delete_tags(world: World, region: Region, asked: Asked) -> Asked:
    """DeleteTags."""
    _tagged(region, asked["ResourceArn"])
    for key in asked["TagKeys"]:
        region.tags[asked["ResourceArn"]].pop(key, None)
    return {}


def list_tags(world: World, region: Region, asked: Asked) -> Asked:
    """ListTags."""
    _tagged(region, asked["ResourceArn"])
    return {"Tags": _tags(region, asked["ResourceArn"])}


def _tagged(region: Region, arn: str) -> None:
    if arn not in region.tags:
        raise invalid(f'Could not find resource "{arn}".')


def _tags(region: Region, arn: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(region.tags[arn].items())]


def _new(world: World, region: Region, kind: str, asked: Asked, where: dict[str, Asked]) -> str:
    name = asked["ModelName" if kind == "model" else "EndpointConfigName"]
    arn = region.arn(kind, name)
    if name in where:
        raise existing(WORDS[kind], arn)
    region.unseen[arn] = world.settings.unseen_reads
    tag(region, arn, asked.get("Tags", []))
    return arn


def _delete(region: Region, kind: str, name: str, where: dict[str, Asked]) -> Asked:
    arn = region.arn(kind, name)
    if where.pop(name, None) is None:
        raise absent(WORDS[kind], arn)
    region.tags.pop(arn, None)
    return {}


def _row(source: Asked, keys: tuple[str, ...]) -> Asked:
    return {key: source[key] for key in keys}


def _page(rows: list[Asked], asked: Asked, name: str, answer: str) -> Asked:
    """Filtered, in order, a page of it; the token is where the next one begins."""
    rows = [row for row in rows if asked.get("NameContains", "").lower() in row[name].lower()]
    for key, column in (("CreationTime", "CreationTime"), ("LastModifiedTime", "LastModifiedTime")):
        rows = [row for row in rows if row.get(column, 0.0) < asked.get(f"{key}Before", float("inf"))]
        rows = [row for row in rows if row.get(column, 0.0) > asked.get(f"{key}After", float("-inf"))]
    column = {"Name": name}.get(asked.get("SortBy", "CreationTime"), "CreationTime")
    rows.sort(key=lambda row: (row[column], row[name]), reverse=asked.get("SortOrder", "Descending") == "Descending")
    first, size = int(asked.get("NextToken", "0")), int(asked.get("MaxResults", 10))
    found: Asked = {answer: rows[first : first + size]}
    return found | ({"NextToken": str(first + size)} if first + size < len(rows) else {})


HANDLERS: dict[str, Handler] = {
    "CreateModel": create_model,
    "DescribeModel": describe_model,
    "DeleteModel": delete_model,
    "ListModels": list_models,
    "CreateEndpointConfig": create_endpoint_config,
    "DescribeEndpointConfig": describe_endpoint_config,
    "DeleteEndpointConfig": delete_endpoint_config,
    "ListEndpointConfigs": list_endpoint_configs,
    "ListEndpoints": list_endpoints,
    "AddTags": add_tags,
    "DeleteTags": delete_tags,
    "ListTags": list_tags,
}
