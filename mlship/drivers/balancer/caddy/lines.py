"""What Caddy's configuration needs so that mlship can move the traffic: JSON, in the owner's hands."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

DEFAULT_ADMIN = "127.0.0.1:2019"
DEFAULT_LOG = "/var/log/caddy/access.log"

_CONFIGURATION = """\
{{
  "admin": {{ "listen": {admin} }},
  "logging": {{ "logs": {{
    "default": {{ "exclude": ["http.log.access.mlship"] }},
    "mlship": {{
      "include": ["http.log.access.mlship"],
      "encoder": {{ "format": "json" }},
      "writer": {{ "output": "file", "filename": {log}, "mode": "0640", "roll_gzip": false }}
    }}
  }} }},
  "apps": {{ "http": {{ "servers": {{ "users": {{
    "listen": [{listen}],
    "logs": {{ "default_logger_name": "mlship" }},
    "routes": [{{ "handle": [
{handler}
    ] }}]
  }} }} }} }}
}}
"""

_HANDLER = """\
      {{ "@id": "mlship-{service}", "handler": "subroute", "routes": [{{ "handle": [
        {{ "handler": "map", "source": "{{http.reverse_proxy.upstream.hostport}}", "destinations": ["{{mlship.model}}"],
          "mappings": [{mappings}] }},
        {{ "handler": "log_append", "key": "upstream", "value": "{{http.reverse_proxy.upstream.hostport}}" }},
        {{ "handler": "log_append", "key": "upstream_ms", "value": "{{http.reverse_proxy.upstream.latency_ms}}" }},
        {{ "handler": "reverse_proxy",
          "upstreams": [{{ "dial": "{address}" }}],
          "load_balancing": {{
            "selection_policy": {{ "policy": "weighted_round_robin", "weights": [1] }},
            "retries": 2
          }},
          "health_checks": {{ "active": {{ "uri": "{health}", "interval": "{every}" }} }},
          "headers": {{ "response": {{ "set": {{ "x-mlship-variant": ["{{mlship.model}}"] }} }} }} }}
      ] }}] }}"""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a Caddy listens and writes."""

    listen: str = ":8080"
    admin: str = DEFAULT_ADMIN
    log: str = DEFAULT_LOG


def handler_lines(
    service: str, servers: Mapping[str, str], *, health: str = "/v2/health/ready", every: str = "1s"
) -> str:
    """The handler that mlship changes: the first of the models (name → address of a server) serves, all are named."""
    mappings = ", ".join(f'{{ "input": "{address}", "outputs": ["{name}"] }}' for name, address in servers.items())
    address = next(iter(servers.values()))
    return _HANDLER.format(service=service, mappings=mappings, address=address, health=health, every=every)


def configuration_lines(handler: str, place: Place) -> str:
    """A whole configuration around the handler."""
    admin, log, listen = map(json.dumps, (place.admin, place.log, place.listen))
    return _CONFIGURATION.format(admin=admin, log=log, listen=listen, handler=handler)
