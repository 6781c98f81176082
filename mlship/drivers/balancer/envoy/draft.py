"""What `init` writes for driver `envoy`: the plan's head, and what Envoy's configuration needs."""

from __future__ import annotations

from mlship.drivers.balancer.envoy.lines import Place, cluster_lines, configuration_lines, route_lines

STRATEGIES = ("canary", "blue-green", "recreate", "shadow")
"""Those that `init` has a plan for."""

_HEAD = """\
# yaml-language-server: $schema=plan.v1.json
# `mlship validate {file}` checks it, `mlship plan {file}` shows what would happen, `mlship deploy {file}` does it.
# What Envoy's configuration needs stands at the end; `mlship doctor --plan {file}` says what is missing.
version: 1
service: {service}
driver:
  envoy:
    admin: 127.0.0.1:9901                   # its administration, or a socket; several Envoy: `nodes`, an admin each
    preview: x-preview=green                # the header and its value by which its routes lead to a model on the side
models:                                     # the servers are yours: mlship starts none, and waits until they are up
  v1: {{ backend: v1 }}                       # what serves now: a cluster of Envoy's configuration
  v2: {{ backend: v2 }}                       # what is to replace it
live: v1
"""

_CONFIGURATION = """\
#
# ---- Envoy's configuration: the routes go into your virtual host, with your own clusters, and the admin layer last.
# A restart brings back the weights that stand here: the live model alone.
#
"""


def head(*, service: str, file: str) -> str:
    """The plan down to its live model."""
    return _HEAD.format(service=service, file=file)


def configuration(service: str) -> str:
    """Envoy's configuration, as comments."""
    routes = route_lines(service, ["v1", "v2"], preview="x-preview=green")
    text = configuration_lines(routes, cluster_lines({"v1": "10.0.0.1:8000", "v2": "10.0.0.2:8000"}), Place())
    return _CONFIGURATION + "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())


def shadowed(plan: str, *, service: str) -> str:
    """The plan of strategy shadow: the routes have what copies need."""
    del service
    return plan
