"""What Envoy's configuration needs so that mlship can move the traffic: YAML, in the owner's hands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from mlship.plan.balancer.envoy import PREVIEW

DEFAULT_ADMIN = "{ socket_address: { address: 127.0.0.1, port_value: 9901 } }"

TYPES = "type.googleapis.com/envoy.extensions.filters"

_CONFIGURATION = """\
admin: {{ address: {admin} }}
stats_flush_on_admin: true                # latencies are as fresh as counters
layered_runtime:
  layers:
    - {{ name: static, static_layer: {{}} }}
    - {{ name: admin, admin_layer: {{}} }}     # the last: what mlship sets
static_resources:
  listeners:
    - name: users
      address: {{ socket_address: {{ address: {address}, port_value: {port} }} }}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": {types}.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: users
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": {types}.http.router.v3.Router
                route_config:
                  name: users
                  virtual_hosts:
                    - name: users
                      domains: ["*"]
                      response_headers_to_add:
                        - header: {{ key: x-mlship-variant, value: "%UPSTREAM_CLUSTER%" }}
                      routes:
{routes}\
  clusters:
{clusters}"""

_CLOSED = """\
- match:                    # the closed door
    prefix: /
    runtime_fraction: {{ default_value: {{ numerator: 0 }}, runtime_key: mlship.{service}.closed }}
  direct_response: {{ status: 503 }}
  response_headers_to_add: [{{ header: {{ key: retry-after, value: "5" }} }}]
"""

_ASIDE = """\
- match:                    # on the side
    prefix: /
    headers: [{{ name: {header}, string_match: {{ exact: "{value}" }} }}]
    runtime_fraction: {{ default_value: {{ numerator: 0 }}, runtime_key: mlship.{service}.aside.{cluster} }}
  route: {{ cluster: {cluster}, timeout: 30s }}
"""

_SPLIT = """\
- match: {{ prefix: / }}
  route:
    timeout: 30s
    retry_policy: {{ retry_on: "connect-failure,refused-stream", num_retries: 1 }}
    weighted_clusters:      # the live model alone, until mlship says otherwise
      runtime_key_prefix: mlship.{service}.split
      clusters: [{weights}]
"""

_MIRRORS = """\
    request_mirror_policies:
"""

_MIRROR = """\
      - cluster: {cluster}
        runtime_fraction: {{ default_value: {{ numerator: 0 }}, runtime_key: mlship.{service}.mirror.{cluster} }}
"""

_CLUSTER = """\
    - name: {name}
      type: STATIC
      connect_timeout: 1s
      common_lb_config: {{ healthy_panic_threshold: {{ value: 0 }}, update_merge_window: 0s }}
      health_checks:
        - {{ timeout: 1s, interval: {every}, no_traffic_interval: {every}, unhealthy_threshold: 2, healthy_threshold: 1,
            http_health_check: {{ path: {health} }} }}
      load_assignment:
        cluster_name: {name}
        endpoints:
          - lb_endpoints:
              - endpoint: {{ address: {{ socket_address: {{ address: {address}, port_value: {port} }} }} }}
"""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an Envoy listens."""

    address: str = "0.0.0.0"  # noqa: S104 - a balancer is there for everybody
    port: int = 8080
    admin: str = DEFAULT_ADMIN


def route_lines(service: str, clusters: Sequence[str], *, preview: str = PREVIEW) -> str:
    """The routes of a virtual host: the first cluster serves, each may be on the side, the others may get copies."""
    header, _, value = preview.partition("=")
    live, *others = clusters
    weights = ", ".join(f"{{ name: {name}, weight: {10_000 if name == live else 0} }}" for name in clusters)
    asides = "".join(
        _ASIDE.format(service=service, cluster=name, header=header.lower(), value=value) for name in clusters
    )
    mirrors = "".join(_MIRROR.format(service=service, cluster=name) for name in others)
    split = _SPLIT.format(service=service, weights=weights) + (_MIRRORS + mirrors if mirrors else "")
    return _CLOSED.format(service=service) + asides + split


def cluster_lines(servers: Mapping[str, str], *, health: str = "/v2/health/ready", every: str = "1s") -> str:
    """A cluster per model, each with one server at the address given."""
    parts = ((name, *address.rsplit(":", 1)) for name, address in servers.items())
    return "".join(
        _CLUSTER.format(name=name, address=host, port=port, health=health, every=every) for name, host, port in parts
    )


def configuration_lines(routes: str, clusters: str, place: Place) -> str:
    """A whole configuration around both."""
    deeper = "".join(f"{' ' * 24}{line}\n" for line in routes.splitlines())
    return _CONFIGURATION.format(
        types=TYPES, admin=place.admin, address=place.address, port=place.port, routes=deeper, clusters=clusters
    )
