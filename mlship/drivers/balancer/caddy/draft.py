"""What `init` writes for driver `caddy`: the plan's head, and what Caddy's configuration needs."""

from __future__ import annotations

from mlship.drivers.balancer.caddy.lines import Place, configuration_lines, handler_lines

STRATEGIES = ("canary", "blue-green", "recreate")
"""Those that `init` has a plan for."""

_HEAD = """\
# yaml-language-server: $schema=plan.v1.json
# `mlship validate {file}` checks it, `mlship plan {file}` shows what would happen, `mlship deploy {file}` does it.
# What Caddy's configuration needs stands at the end; `mlship doctor --plan {file}` says what is missing.
version: 1
service: {service}
driver:
  caddy:
    admin: 127.0.0.1:2019                   # its admin API, or a socket; several Caddy: `nodes`, an admin each
    log: /var/log/caddy/access.log          # its access log: requests, errors and latencies come from there
models:                                     # the servers are yours: mlship starts none, and waits until they are up
  v1: {{ servers: ["10.0.0.1:8000"] }}        # what serves now
  v2: {{ servers: ["10.0.0.2:8000"] }}        # what is to replace it
live: v1
"""

_CONFIGURATION = """\
#
# ---- Caddy's configuration: the handler with the @id goes where your requests are proxied, with your own addresses,
# and the log beside it. `caddy adapt` prints a Caddyfile as JSON to put them into. mlship's user has to read the log.
#
# With --resume a restart keeps the split:  caddy run --resume --config /etc/caddy/caddy.json
# On few cores a change costs fewer connections with  GOMAXPROCS=8 GOGC=1000  in its environment.
# Once mlship has changed it, the file is not loaded again: that would bring back the split that it says.
#
"""


def head(*, service: str, file: str) -> str:
    """The plan down to its live model."""
    return _HEAD.format(service=service, file=file)


def configuration(service: str) -> str:
    """Caddy's configuration, as comments."""
    text = configuration_lines(handler_lines(service, {"v1": "10.0.0.1:8000", "v2": "10.0.0.2:8000"}), Place())
    return _CONFIGURATION + "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())
