"""A Routing as Envoy's routes, and back.

The first route that matches wins: the router's own health, the match rules, then the shares. With a unit of assignment
the shares are three routes: users that send the header, users that send our cookie, and users that send neither and
are given the cookie. All three hash "salt:unit": an anonymous user's first answer and all later ones come from one
model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from mlship.dataplane.listener import ROUTE_CONFIG, TYPE, UNIT
from mlship.dataplane.upstream import seconds
from mlship.plan.routing import HeaderMatch, Routing

HEALTH = "/_mlship/health"
COOKIE = "mlship_uid"
YEAR = 365 * 24 * 3600
RETRY_AFTER = 5
"""Seconds after which a user may try again while the router is closed."""

LARGEST_BODY = 64 * 1024 * 1024
"""Bytes of a request that are kept to send it again after a failed connection; above it there is no second try."""

Timeouts = Mapping[str, float]
"""Model → seconds that a request may take; 0 waits for ever."""


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
                "routes": [_health(), *_service(routing, timeouts)],
            }
        ],
    }


def _health() -> dict[str, Any]:
    answer = {"status": 200, "body": {"inline_string": "ready\n"}}
    return {"name": "health", "match": {"path": HEALTH}, "direct_response": answer}


def _service(routing: Routing, timeouts: Timeouts) -> Iterator[dict[str, Any]]:
    if routing.closed:
        yield _closed()
        return
    for place, rule in enumerate(routing.matches):
        yield _route(f"match-{place}", _matching(rule), _to(rule.model), timeouts.get(rule.model, 0.0))
    timeout = _longest(routing, timeouts)
    for name, match, unit, headers in _units(routing):
        yield _route(name, match, _shares(routing, unit), timeout, headers)


def _closed() -> dict[str, Any]:
    return {
        "name": "closed",
        "match": {"prefix": "/"},
        "direct_response": {"status": 503, "body": {"inline_string": "the service is being replaced\n"}},
        "response_headers_to_add": [_header("retry-after", str(RETRY_AFTER))],
    }


def _matching(match: HeaderMatch) -> dict[str, Any]:
    return {"prefix": "/", "headers": [{"name": match.header.lower(), "string_match": {"exact": match.value}}]}


def _longest(routing: Routing, timeouts: Timeouts) -> float:
    """The route waits for the most patient model; a less patient one is cut short by its cluster."""
    all_timeouts = [timeouts.get(model, 0.0) for model in routing.weights]
    return 0.0 if 0.0 in all_timeouts else max(all_timeouts)


Unit = dict[str, Any] | None


def _units(routing: Routing) -> Iterator[tuple[str, dict[str, Any], Unit, list[dict[str, Any]]]]:
    """(name, match, what is hashed, response headers) per kind of user."""
    if routing.assign_by is None:
        yield "everybody", {"prefix": "/"}, None, []
        return
    user, salt = routing.assign_by.lower(), routing.salt
    some = {"safe_regex": {"regex": ".+"}}
    known = {"prefix": "/", "headers": [{"name": user, "string_match": some}]}
    yield "user", known, _hashed(user, "^(.*)$", salt), []
    returning = {"prefix": "/", "cookies": [{"name": COOKIE, "string_match": some}]}
    yield "cookie", returning, _hashed("cookie", rf'^(?:.*;)?\s*{COOKIE}="?([^;"]*).*$', salt), []
    cookie = f"{COOKIE}=%REQ({UNIT})%; Max-Age={YEAR}; Path=/; HttpOnly; SameSite=Lax"
    yield "anonymous", {"prefix": "/"}, _hashed(UNIT, "^(.*)$", salt), [_header("set-cookie", cookie, add=True)]


def _hashed(header: str, pattern: str, salt: str) -> dict[str, Any]:
    escaped = salt.replace("\\", "\\\\")
    rewrite = {"pattern": {"regex": pattern}, "substitution": rf"{escaped}:\1"}
    return {"header": {"header_name": header, "regex_rewrite": rewrite}}


def _to(model: str) -> dict[str, Any]:
    return {"cluster": model}


def _shares(routing: Routing, unit: Unit) -> dict[str, Any]:
    """Where a request goes: its first try by the shares, the second always to the model of the last segment.

    The last segment is the live model's. So a candidate that does not accept connections costs no user an answer, and a
    live model that does not accept them never sends its users to the candidate.
    """
    if len(routing.weights) == 1:
        return {**_to(routing.segments[0][0]), **({"hash_policy": [unit]} if unit else {})}
    split = [{"cluster_name": model, "weight": width} for model, width in routing.segments]
    config = {
        "@type": f"{TYPE}.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier",
        "use_hash_policy": unit is not None,
        "priority_groups": [
            {"name": "shares", "clusters": split},
            {"name": "live", "clusters": [{"cluster_name": routing.segments[-1][0], "weight": 1}]},
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
