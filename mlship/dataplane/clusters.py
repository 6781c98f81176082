"""Models as Envoy's clusters, and their replicas as the endpoints of those."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlship.dataplane.bootstrap import watched
from mlship.dataplane.names import TYPE
from mlship.dataplane.upstream import Endpoint, Upstream, seconds

NO_LIMIT = 1_000_000
"""Envoy's own limits of 1 024 turn a busy but healthy model into 503s."""

IDLE = 1.0
"""Seconds after which an idle connection to a replica is closed: before a model server closes it under a request."""

CHECK_EVERY = 1.0
"""Seconds between two health checks of a replica."""

PANIC = 1
"""Percent of healthy replicas below which all are tried: none is healthy. A failed connection is retried elsewhere;
with 0 the user would get the 503."""

SLACK = 0.25
"""Seconds that a model's timeout leaves to the route's, where both are the same."""


def endpoints_file(folder: Path, name: str) -> Path:
    """The file that lists a model's replicas."""
    return folder / f"eds-{name}.json"


def cluster(upstream: Upstream, *, folder: Path) -> dict[str, Any]:
    """A model: limits that do not bite, active health checks, replicas from their own file."""
    limits = dict.fromkeys(("max_connections", "max_pending_requests", "max_requests", "max_retries"), NO_LIMIT)
    return {
        "@type": f"{TYPE}.config.cluster.v3.Cluster",
        "name": upstream.name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": watched(endpoints_file(folder, upstream.name))},
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "circuit_breakers": {"thresholds": [{"priority": name, **limits} for name in ("DEFAULT", "HIGH")]},
        "health_checks": [_health_check(upstream)],
        # Envoy holds back changes of health for a second otherwise, and a draining replica would get requests on.
        "common_lb_config": {"healthy_panic_threshold": {"value": PANIC}, "update_merge_window": "0s"},
        "ignore_health_on_host_removal": True,
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {"idle_timeout": seconds(IDLE), **_longest(upstream)},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


def _longest(upstream: Upstream) -> dict[str, str]:
    return {"max_stream_duration": seconds(upstream.timeout + SLACK)} if upstream.timeout else {}


def _health_check(upstream: Upstream) -> dict[str, Any]:
    return {
        "timeout": seconds(upstream.health_timeout),
        "interval": seconds(CHECK_EVERY),
        "no_traffic_interval": seconds(CHECK_EVERY),
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
        # A model server with one worker would be held by a connection that stays open.
        "reuse_connection": False,
        **({"http_health_check": {"path": upstream.health_path}} if upstream.health_path else {"tcp_health_check": {}}),
    }


def assignment(upstream: Upstream) -> dict[str, Any]:
    """A model's replicas."""
    return {
        "@type": f"{TYPE}.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": upstream.name,
        "endpoints": [{"lb_endpoints": [_replica(endpoint) for endpoint in upstream.endpoints]}],
    }


def _replica(endpoint: Endpoint) -> dict[str, Any]:
    address = {"socket_address": {"address": endpoint.host, "port_value": endpoint.port}}
    return {
        "endpoint": {"address": address},
        "health_status": "DRAINING" if endpoint.draining else "UNKNOWN",
    }
