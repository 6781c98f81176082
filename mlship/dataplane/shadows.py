"""Copies of the live model's requests for challengers, whose answers no user sees.

A copy leaves the user's request through a cluster of its challenger's own, `shadow_<model>`, which leads to an internal
listener of the same Envoy. There the copy is a request like any other: counted by model, kept, and told in one form.

Users wait for no challenger. Envoy copies a request as its bytes arrive, so the one way to be held up is a challenger
that does not read: only bodies of known, bounded length are copied, and the way to the listener has room for all of
such a body. A challenger that does not answer keeps `AT_ONCE` copies until they time out; further ones are dropped and
counted.

A copy is no place for credentials: cookies, authorization and what the router itself has noted stay behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mlship.dataplane.capture import Routes, switched_on
from mlship.dataplane.names import TYPE
from mlship.dataplane.upstream import Timeouts, Upstream, seconds
from mlship.plan.routing import Mirror, Routing

PREFIX = "shadow_"
"""What a challenger's second cluster is called by; no model's name has an underscore."""

LISTENER = "shadow"
ROUTE_CONFIG = "shadows"

LARGEST = 4 * 1024 * 1024
"""Bytes of a body that is copied."""

ROOM = 2 * LARGEST
"""Bytes that wait on the way to a challenger before the user's own upload would have to wait."""

AT_ONCE = 64
"""Copies that a challenger may have in hand."""

PATIENCE = 10.0
"""Seconds that a challenger without a timeout of its own gets for an answer."""

SLACK = 0.5
"""Seconds after which a copy that the listener should have ended is ended from outside."""

_MODEL, _PRIMARY, _KEEP, _UNIT = (f"x-mlship-{word}" for word in ("shadow", "primary", "keep", "unit"))
_PRIVATE = ("cookie", "authorization", "proxy-authorization")
_MILLION = 1_000_000


def way(upstream: Upstream) -> dict[str, Any]:
    """A challenger's second cluster: to the internal listener, with the limits that keep users apart from it."""
    endpoint = {"address": {"envoy_internal_address": {"server_listener_name": LISTENER, "endpoint_id": upstream.name}}}
    plain = {
        "name": "envoy.transport_sockets.raw_buffer",
        "typed_config": {"@type": f"{TYPE}.extensions.transport_sockets.raw_buffer.v3.RawBuffer"},
    }
    name = f"{PREFIX}{upstream.name}"
    return {
        "@type": f"{TYPE}.config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "per_connection_buffer_limit_bytes": ROOM,
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": AT_ONCE, "max_pending_requests": AT_ONCE, "max_requests": AT_ONCE, "max_retries": 0}
            ]
        },
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
        "transport_socket": {
            "name": "envoy.transport_sockets.internal_upstream",
            "typed_config": {
                "@type": f"{TYPE}.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport",
                "transport_socket": plain,
            },
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {
                    "max_stream_duration": seconds(_patience(upstream.timeout) + SLACK),
                },
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }


def _patience(timeout: float) -> float:
    return timeout or PATIENCE


def copied(routes: Iterable[dict[str, Any]], routing: Routing, *, kept: bool) -> Routes:
    """The routes, before each of them one or two for those of its requests that are copied."""
    policies = [_policy(mirror, kept=kept) for mirror in routing.mirrors if mirror.share > 0]
    return [variant for route in routes for variant in _variants(route, policies)]


def _variants(route: dict[str, Any], policies: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    if policies and "route" in route:
        target = {**route["route"], "request_mirror_policies": policies}
        for conditions in (_BOUNDED, _EMPTY):
            match = {**route["match"], "headers": [*route["match"].get("headers", []), *conditions]}
            yield {**route, "match": match, "route": target}
    yield route


def _absent(name: str) -> dict[str, Any]:
    return {"name": name, "present_match": True, "invert_match": True}


_BOUNDED = ({"name": "content-length", "range_match": {"start": 0, "end": LARGEST + 1}}, _absent("upgrade"))
_EMPTY = (
    {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}},
    _absent("content-length"), _absent("transfer-encoding"), _absent("upgrade"),
)  # fmt: skip


def _policy(mirror: Mirror, *, kept: bool) -> dict[str, Any]:
    notes = {_MODEL: mirror.model, _PRIMARY: "%UPSTREAM_CLUSTER%"}
    if kept:
        notes |= {_KEEP: "yes", _UNIT: "%DYNAMIC_METADATA(mlship.capture:unit)%"}
    # Envoy draws split and mirror by one number: by its lower digits there, by its higher ones here.
    share = {"numerator": mirror.share * _MILLION // 10_000, "denominator": "MILLION"}
    return {
        "cluster": f"{PREFIX}{mirror.model}",
        "runtime_fraction": {"default_value": share},
        "disable_shadow_host_suffix_append": True,
        "request_headers_mutations": [
            *({"remove": name} for name in _PRIVATE),
            *({"append": _note(name, value)} for name, value in notes.items()),
        ],
    }


def _note(name: str, value: str) -> dict[str, Any]:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def shadow_routes(routing: Routing, timeouts: Timeouts) -> dict[str, Any]:
    """Where copies go once they are inside: to their challenger, unless the live model did not get the request."""
    return {
        "@type": f"{TYPE}.config.route.v3.RouteConfiguration",
        "name": ROUTE_CONFIG,
        "validate_clusters": True,
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": list(_inside(routing, timeouts))}],
    }


def _inside(routing: Routing, timeouts: Timeouts) -> Iterator[dict[str, Any]]:
    if not routing.mirrors:
        return
    others = {"name": _PRIMARY, "string_match": {"exact": routing.segments[-1][0]}, "invert_match": True}
    yield {"name": "others", "match": {"prefix": "/", "headers": [others]}, "direct_response": {"status": 204}}
    for mirror in routing.mirrors:
        patience = _patience(timeouts.get(mirror.model, 0.0))
        mine = {"name": _MODEL, "string_match": {"exact": mirror.model}}
        plain = {
            "name": mirror.model,
            "match": {"prefix": "/", "headers": [mine]},
            "route": {
                "cluster": mirror.model,
                "timeout": seconds(patience),
                # The timeout counts from the end of the request; one that does not get there is ended by this.
                "max_stream_duration": {"max_stream_duration": seconds(patience + SLACK / 2)},
            },
            "request_headers_to_remove": [_MODEL, _PRIMARY, _KEEP, _UNIT],
        }
        if routing.capture is not None:
            match = {"prefix": "/", "headers": [mine, {"name": _KEEP, "present_match": True}]}
            yield from switched_on([{**plain, "match": match}], routing.capture, assign_by=routing.assign_by)
        yield plain
