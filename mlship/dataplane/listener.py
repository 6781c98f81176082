"""The one port that users talk to, the inner one for copies, and what is counted at both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlship.dataplane import shadows
from mlship.dataplane.bootstrap import ROUTES, SHADOWS, watched
from mlship.dataplane.capture import capture_filter, predictions_log, told
from mlship.dataplane.feedback import feedback_filter
from mlship.dataplane.names import TYPE
from mlship.dataplane.spool import Spool
from mlship.dataplane.upstream import RouterSettings

NOT_CONNECTED = {"response_flag_filter": {"flags": ["UF"]}}
"""Answers of the router itself, because the last attempt found no replica that accepts connections."""

ROUTE_CONFIG = "routes"

_MANAGER = f"{TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def listener(*, folder: Path, settings: RouterSettings) -> dict[str, Any]:
    """The listener: HTTP/1.1, HTTP/2 and WebSocket on one port."""
    return {
        "@type": f"{TYPE}.config.listener.v3.Listener",
        "name": "main",
        # With SO_REUSEPORT a second Envoy would silently share the port.
        "enable_reuse_port": False,
        # Without it one worker may get most of the connections, and the slowest answers get slower.
        "connection_balance_config": {"exact_balance": {}},
        "address": {"socket_address": {"address": settings.host, "port_value": settings.port}},
        "filter_chains": [_chain(_connection_manager(folder, spool_of(folder, settings)))],
    }


def shadow_listener(*, folder: Path, settings: RouterSettings) -> dict[str, Any]:
    """The listener inside Envoy that copies for challengers come to."""
    spool = spool_of(folder, settings)
    manager = {
        "@type": _MANAGER,
        "stat_prefix": "shadow",
        "codec_type": "HTTP1",
        "use_remote_address": False,
        "skip_xff_append": True,
        "generate_request_id": False,
        "stream_idle_timeout": "0s",
        "local_reply_config": _late_answers(),
        "rds": {"route_config_name": shadows.ROUTE_CONFIG, "config_source": watched(folder / SHADOWS)},
        "http_filters": [capture_filter(spool), _router()],
        "access_log": _logs(spool, "shadow"),
    }
    return {
        "@type": f"{TYPE}.config.listener.v3.Listener",
        "name": shadows.LISTENER,
        "internal_listener": {},
        "per_connection_buffer_limit_bytes": shadows.ROOM,
        "filter_chains": [_chain(manager)],
    }


def _chain(manager: dict[str, Any]) -> dict[str, Any]:
    return {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}


def spool_of(folder: Path, settings: RouterSettings) -> Spool:
    """Where this router keeps answers and outcomes."""
    return Spool(folder=folder / "captures", most=settings.spool)


def _connection_manager(folder: Path, spool: Spool) -> dict[str, Any]:
    return {
        "@type": _MANAGER,
        "stat_prefix": "main",
        "codec_type": "AUTO",
        "use_remote_address": True,
        "generate_request_id": True,
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        "stream_idle_timeout": "0s",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "early_header_mutation_extensions": [_own_headers()],
        "local_reply_config": _late_answers(),
        "rds": {"route_config_name": ROUTE_CONFIG, "config_source": watched(folder / ROUTES)},
        "http_filters": [feedback_filter(spool), capture_filter(spool), _router()],
        "access_log": _logs(spool, "live"),
    }


def _router() -> dict[str, Any]:
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": f"{TYPE}.extensions.filters.http.router.v3.Router",
            # Counters per status code of which we count our own: they cost more than ours.
            "dynamic_stats": False,
            "suppress_envoy_headers": True,
        },
    }


def _logs(spool: Spool, role: str) -> list[dict[str, Any]]:
    return [
        _stats("mlship", counters=[_counter("answers", "code")]),
        {"filter": NOT_CONNECTED, **_stats("mlship", counters=[_counter("unconnected")])},
        # A request whose user left before the answer has no duration.
        {"filter": _answered(), **_stats("mlship", histograms=[_latency()])},
        {"filter": told("full"), **_stats("mlship", counters=[_counter("unkept")])},
        predictions_log(spool, role),
    ]


def _own_headers() -> dict[str, Any]:
    """Only the router may speak in `x-mlship-` headers."""
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": f"{TYPE}.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [{"remove_on_match": {"key_matcher": {"prefix": "x-mlship-"}}}],
        },
    }


def _late_answers() -> dict[str, Any]:
    """A model's own timeout ends as 504, like the route's."""
    return {"mappers": [{"filter": {"response_flag_filter": {"flags": ["UMSDR"]}}, "status_code": 504}]}


def _answered() -> dict[str, Any]:
    threshold = {"default_value": 100, "runtime_key": "mlship.answered"}
    return {"status_code_filter": {"comparison": {"op": "GE", "value": threshold}}}


_TAGS = {"code": "%RESPONSE_CODE%"}


def _counter(name: str, *tags: str) -> dict[str, Any]:
    values = [{"name": tag, "value_format": _TAGS[tag]} for tag in tags]
    return {"stat": {"name": name, "tags": [_MODEL, *values]}, "value_fixed": 1}


_MODEL = {"name": "model", "value_format": "%UPSTREAM_CLUSTER%"}


def _latency() -> dict[str, Any]:
    return {
        "stat": {"name": "latency", "tags": [_MODEL]},
        "unit": "Microseconds",
        "value_format": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
    }


def _stats(prefix: str, **numbers: list[dict[str, Any]]) -> dict[str, Any]:
    config = {"@type": f"{TYPE}.extensions.access_loggers.stats.v3.Config", "stat_prefix": prefix, **numbers}
    return {"name": "envoy.access_loggers.stats", "typed_config": config}
