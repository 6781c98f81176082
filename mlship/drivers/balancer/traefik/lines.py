"""What Traefik's configuration needs so that mlship can move the traffic: text, in the owner's hands."""

from __future__ import annotations

from collections.abc import Mapping

from mlship.metrics.counters import LATENCY_EDGES

_STATIC = """\
api:
  insecure: true                  # on the entry point `traefik`: bind that to loopback
metrics:
  prometheus:
    addServicesLabels: true
    buckets: [{buckets}]
providers:
  providersThrottleDuration: 50ms # else a rollback right after a step waits up to 2s
  file:
    directory: {directory}
    watch: true
"""

_SERVICE = """\
    {name}:
      loadBalancer:
        servers: [{{ url: "http://{address}" }}]
        healthCheck: {{ path: {health}, interval: 1s, timeout: 1s }}
"""


def static_lines(directory: str = "/etc/traefik/dynamic") -> str:
    """What goes into the static configuration."""
    return _STATIC.format(buckets=", ".join(f"{edge:g}" for edge in LATENCY_EDGES), directory=directory)


def service_lines(servers: Mapping[str, str], *, health: str = "/v2/health/ready") -> str:
    """A file in the watched folder: a service per model, each with one server at the address given."""
    services = (_SERVICE.format(name=name, address=address, health=health) for name, address in servers.items())
    return "http:\n  services:\n" + "".join(services)
