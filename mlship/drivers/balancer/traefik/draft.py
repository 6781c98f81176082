"""What `init` writes for driver `traefik`: the plan's head, and what Traefik's configuration needs."""

from __future__ import annotations

from mlship.drivers.balancer.traefik.lines import service_lines, static_lines

STRATEGIES = ("canary", "blue-green", "recreate", "shadow")
"""Those that `init` has a plan for."""

_HEAD = """\
# yaml-language-server: $schema=plan.v1.json
# `mlship validate {file}` checks it, `mlship plan {file}` shows what would happen, `mlship deploy {file}` does it.
# What Traefik's configuration needs stands at the end. `mlship doctor --plan {file}` says what is missing.
version: 1
service: {service}
driver:
  traefik:
    api: http://127.0.0.1:8080                    # what Traefik has loaded, and its metrics
    file: /etc/traefik/dynamic/mlship-{service}.yml   # in the folder that it watches; mlship writes it
    rule: PathPrefix(`/`)                         # which requests are the service's
    entry-points: [web]
models:                                     # the servers are yours: mlship starts none, and waits until they are up
  v1: {{ backend: v1 }}                       # what serves now: a service of Traefik's file provider
  v2: {{ backend: v2 }}                       # what is to replace it
live: v1
"""

_CONFIGURATION = """\
#
# ---- Traefik's static configuration (a restart reads it):
#
{static}#
# ---- a file of yours in /etc/traefik/dynamic: the models' services
#
{services}"""


def head(*, service: str, file: str) -> str:
    """The plan down to its live model."""
    return _HEAD.format(service=service, file=file)


def configuration(service: str) -> str:
    """The lines of Traefik's configuration, as comments."""
    del service
    services = service_lines({"v1": "10.0.0.1:8000", "v2": "10.0.0.2:8000"})
    return _CONFIGURATION.format(static=_commented(static_lines()), services=_commented(services))


def shadowed(plan: str, *, service: str) -> str:
    """The plan of strategy shadow: copies need nothing in the configuration."""
    del service
    return plan


def _commented(text: str) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())
