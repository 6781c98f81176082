"""A Routing as Envoy's routes, and back.

The first route that matches wins: the router's own health, the rules, then the shares. With a unit of assignment
the shares are routes by kind of user: those that send the header, those that send our cookie, and those that send
neither and are given the cookie. All hash "salt:unit": an anonymous user's first answer and all later ones come from
one model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from mlship.dataplane.assignment import kinds
from mlship.dataplane.capture import sampled, switched_on
from mlship.dataplane.feedback import feedback_route
from mlship.dataplane.listener import ROUTE_CONFIG
from mlship.dataplane.names import TYPE
from mlship.dataplane.rules import rule_routes
from mlship.dataplane.shadows import copied
from mlship.dataplane.upstream import Timeouts, seconds
from mlship.plan.routing import Capture, Routing

HEALTH = "/_mlship/health"

RETRY_AFTER = 5
"""Seconds after which a user may try again while the router is closed."""

LARGEST_BODY = 64 * 1024 * 1024
"""Bytes of a request that are kept to send it again after a failed connection; above it there is no second try."""


def routes(routing: Routing, timeouts: Timeouts) -> dict[str, Any]:
    """The route configuration; the Routing itself rides along as metadata, so that it can be read back."""
    return {
        "@type": f"{TYPE}.config.route.v3.RouteConfiguration",
        "name": ROUTE_CONFIG,
        "metadata": {"filter_metadata": {"mlship": msgspec.to_builtins(routing)}},
        "validate_clusters": True,
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "request_body_buffer_limit": LARGEST_BODY,
                **sampled(lambda capture: _routes(routing, timeouts, capture), routing.capture),
            }
        ],
    }


def _routes(routing: Routing, timeouts: Timeouts, capture: Capture | None) -> list[dict[str, Any]]:
    """All routes, for requests whose answers are kept as `capture` says; None: for those that are not kept."""
    service = list(_service(routing, timeouts))
    if capture is not None:
        service = switched_on(service, capture, assign_by=routing.assign_by)
    return [_health(), feedback_route(), *copied(service, routing, kept=capture is not None)]


def _health() -> dict[str, Any]:
    answer = {"status": 200, "body": {"inline_string": "ready\n"}}
    return {"name": "health", "match": {"path": HEALTH}, "direct_response": answer}


def _service(routing: Routing, timeouts: Timeouts) -> Iterator[dict[str, Any]]:
    if routing.closed:
        yield _closed()
        return
    live, timeout = routing.segments[-1][0], _longest(routing, timeouts)
    for rule in rule_routes(routing):
        mine = replace(routing, segments=rule.segments)
        target = _shares(mine, rule.unit, live=live)
        yield _route(rule.name, rule.match, target, _longest(mine, timeouts), _given(rule.cookie))
    if routing.assign_by is None:
        yield _route("everybody", {"prefix": "/"}, _shares(routing, None, live=live), timeout)
        return
    for kind in kinds(routing.assign_by, routing.salt):
        target = _shares(routing, kind.policy, live=live)
        yield _route(kind.name, kind.match, target, timeout, _given(kind.cookie))


def _closed() -> dict[str, Any]:
    return {
        "name": "closed",
        "match": {"prefix": "/"},
        "direct_response": {"status": 503, "body": {"inline_string": "the service is being replaced\n"}},
        "response_headers_to_add": [_header("retry-after", str(RETRY_AFTER))],
    }


def _longest(routing: Routing, timeouts: Timeouts) -> float:
    """The route waits for the most patient model; a less patient one is cut short by its cluster."""
    all_timeouts = [timeouts.get(model, 0.0) for model in routing.weights]
    return 0.0 if 0.0 in all_timeouts else max(all_timeouts)


Unit = dict[str, Any] | None


def _given(cookie: str | None) -> list[dict[str, Any]]:
    return [_header("set-cookie", cookie, add=True)] if cookie else []


def _to(model: str) -> dict[str, Any]:
    return {"cluster": model}


def _shares(routing: Routing, unit: Unit, *, live: str) -> dict[str, Any]:
    """Where a request goes: its first try by the shares, the second always to `live`.

    So a candidate that does not accept connections costs no user an answer, and a live model that does not accept them
    never sends its users to the candidate.
    """
    if set(routing.weights) == {live}:
        return {**_to(routing.segments[0][0]), **({"hash_policy": [unit]} if unit else {})}
    split = [{"cluster_name": model, "weight": width} for model, width in routing.segments]
    config = {
        "@type": f"{TYPE}.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier",
        "use_hash_policy": unit is not None,
        "priority_groups": [
            {"name": "shares", "clusters": split},
            {"name": "live", "clusters": [{"cluster_name": live, "weight": 1}]},
        ],
    }
    extension = {"name": "envoy.router.cluster_specifier_plugin.priority_group", "typed_config": config}
    return {
        "inline_cluster_specifier_plugin": {"extension": extension},
        **({"hash_policy": [unit]} if unit else {}),
    }


def _route(
    name: str,
    match: dict[str, Any],
    target: dict[str, Any],
    timeout: float,
    headers: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    return {
        "name": name,
        "match": match,
        "route": {**target, "timeout": seconds(timeout), "retry_policy": _retry()},
        "response_headers_to_add": [_header("x-mlship-variant", "%UPSTREAM_CLUSTER%"), *(headers or [])],
    }


def _retry() -> dict[str, Any]:
    """Only what surely did not reach a model is sent again."""
    return {
        "retry_on": "connect-failure,refused-stream",
        "num_retries": 1,
        "refresh_cluster_on_retry": True,
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": f"{TYPE}.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
                },
            }
        ],
        "host_selection_retry_max_attempts": 50,
    }


def _header(key: str, value: str, *, add: bool = False) -> dict[str, Any]:
    action = "APPEND_IF_EXISTS_OR_ADD" if add else "OVERWRITE_IF_EXISTS_OR_ADD"
    return {"header": {"key": key, "value": value}, "append_action": action}


def routing_of(configuration: Mapping[str, Any]) -> Routing:
    """The Routing that a route configuration was made from."""
    return msgspec.convert(configuration["metadata"]["filter_metadata"]["mlship"], Routing)
