"""Whole rollouts by the shipped templates of products that are not at hand, against strict servers of their shapes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlship.errors import Exit
from tests.e2e.site import Site
from tests.support.rest_site import SHIPPED
from tests.support.rest_stub import Apisix, Dataplane, Kong, Product, Ready, listening, stub

LOGINS = {
    "KONG_TOKEN": "kong-secret",
    "APISIX_KEY": "apisix-secret",
    "DATAPLANE_USER": "mlship",
    "DATAPLANE_PASSWORD": "dataplane-secret",
}


def _kong(servers: Mapping[str, list[str]]) -> Product:
    return Kong(weights={server: 100 if name == "v1" else 0 for name, each in servers.items() for server in each})


def _apisix(servers: Mapping[str, list[str]]) -> Product:
    return Apisix(weights={name: 1000 if name == "v1" else 0 for name in servers})


def _dataplane(servers: Mapping[str, list[str]]) -> Product:
    del servers
    return Dataplane(weights={"v2": 0})


@pytest.mark.parametrize(
    ("name", "product"), [("kong", _kong), ("apisix", _apisix), ("dataplaneapi", _dataplane)],
    ids=["kong", "apisix", "dataplaneapi"],
)  # fmt: skip
def test_the_shipped_plan_ends_promoted_and_is_rolled_back(
    name: str, product: Callable[[Mapping[str, list[str]]], Product], tmp_path: Path
) -> None:
    """v2 has everything, then v1 again. No secret is written into the state folder."""
    site = Site(tmp_path)
    site.environment |= LOGINS
    shipped = yaml.safe_load((SHIPPED / f"rest-{name}.yaml").read_text("utf-8"))
    with ExitStack() as stack:
        servers = {
            model: [f"127.0.0.1:{stack.enter_context(listening(Ready))}" for _ in told["servers"]]
            for model, told in shipped["models"].items()
        }
        nodes = [stack.enter_context(stub(product(servers))) for _ in shipped["driver"]["rest"]["nodes"]]
        file = _written(shipped, site.folder, servers, [node.url for node in nodes])

        deployed = site.deploy(file)
        there = [_share_of_v2(node.product, servers) for node in nodes]
        back = site.mlship("rollback", shipped["service"], "--reason", "night")
        again = [_share_of_v2(node.product, servers) for node in nodes]

    assert deployed.returncode == Exit.DONE, deployed.stdout + deployed.stderr
    assert set(there) == {1.0}
    assert back.returncode == Exit.DONE, back.stdout + back.stderr
    assert set(again) == {0.0}
    kept = b"".join(each.read_bytes() for each in site.state.rglob("*") if each.is_file())
    assert not [secret for secret in LOGINS.values() if "secret" in secret and secret.encode() in kept]


def _written(shipped: dict[str, Any], folder: Path, servers: Mapping[str, list[str]], urls: list[str]) -> Path:
    told = shipped["driver"]["rest"]
    plan = {
        **shipped,
        "driver": {"rest": {**told, "nodes": [{"url": url} for url in urls], "verify": {"within": "500ms"}}},
        "models": {name: {**shipped["models"][name], "servers": each} for name, each in servers.items()},
        "metrics": {"errors": {"command": {"run": [sys.executable, "-S", "-c", "print('{\"value\": 0.0}')"]}}},
        "stages": [stage | {"hold": "500ms"} for stage in shipped["stages"]],
        "look-every": "300ms",
        "bake": "500ms",
    }
    file = folder / "plan.yaml"
    file.write_text(json.dumps(plan), "utf-8")
    return file


def _share_of_v2(product: Product, servers: Mapping[str, list[str]]) -> float:
    weights = product.weights
    if isinstance(product, Dataplane):
        return float(weights["v2"] / 10_000)
    mine = servers["v2"] if isinstance(product, Kong) else ["v2"]
    return float(sum(weights[name] for name in mine) / sum(weights.values()))
