"""The one port that users talk to, and what is counted there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlship.dataplane.bootstrap import ROUTES, watched
from mlship.dataplane.upstream import RouterSettings

TYPE = "type.googleapis.com/envoy"
UNIT = "x-mlship-unit"
"""Request header with a fresh identity: what an anonymous user is assigned by, and then keeps as a cookie."""

ROUTE_CONFIG = "routes"


def listener(*, folder: Path, settings: RouterSettings) -> dict[str, Any]:
    """The listener: HTTP/1.1, HTTP/2 and WebSocket on one port."""
    return {
        "@type": f"{TYPE}.config.listener.v3.Listener",
        "name": "main",
        # With SO_REUSEPORT a second Envoy would silently share the port.
        "enable_reuse_port": False,
        "address": {"socket_address": {"address": settings.host, "port_value": settings.port}},
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _connection_manager(folder),
                    }
                ]
            }
        ],
    }


def _connection_manager(folder: Path) -> dict[str, Any]:
    return {
        "@type": f"{TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
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
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": f"{TYPE}.extensions.filters.http.router.v3.Router",
                    "upstream_log": [_stats("mlship_attempt", counters=[_counter("attempts", "flags")])],
                },
            }
        ],
        "access_log": [
            _stats("mlship", counters=[_counter("answers", "code", "flags")]),
            # A request whose user left before the answer has no duration.
            {"filter": _answered(), **_stats("mlship", histograms=[_latency()])},
        ],
    }


def _own_headers() -> dict[str, Any]:
    """Only the router may speak in `x-mlship-` headers."""
    unit = {"header": {"key": UNIT, "value": "%UNIQUE_ID%"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": f"{TYPE}.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [{"remove_on_match": {"key_matcher": {"prefix": "x-mlship-"}}}, {"append": unit}],
        },
    }


def _late_answers() -> dict[str, Any]:
    """A model's own timeout ends as 504, like the route's."""
    return {"mappers": [{"filter": {"response_flag_filter": {"flags": ["UMSDR"]}}, "status_code": 504}]}


def _answered() -> dict[str, Any]:
    threshold = {"default_value": 100, "runtime_key": "mlship.answered"}
    return {"status_code_filter": {"comparison": {"op": "GE", "value": threshold}}}


_TAGS = {"code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%"}


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
