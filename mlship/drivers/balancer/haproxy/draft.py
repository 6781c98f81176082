"""What `init` writes for driver `haproxy`: the plan's head, and what HAProxy's configuration needs."""

from __future__ import annotations

from mlship.drivers.balancer.haproxy.lines import backend_lines, frontend_lines, map_line, ring_lines

STRATEGIES = ("canary", "blue-green")
"""Those that `init` has a plan for."""

_HEAD = """\
# yaml-language-server: $schema=plan.v1.json
# `mlship validate {file}` checks it, `mlship plan {file}` shows what would happen, `mlship deploy {file}` does it.
# The lines that HAProxy's configuration needs stand at the end. `mlship doctor {service}` says what is still missing
# once a first `mlship deploy` has made the service known.
version: 1
service: {service}
driver:
  haproxy:
    socket: /run/haproxy/admin.sock         # its `stats socket`; several HAProxy: `nodes`, a socket each
    map: /etc/haproxy/mlship.map            # holds the split, one line per service; mlship writes it
    ring: mlship                            # where HAProxy keeps its log: latencies come from there
models:                                     # the servers are yours: mlship starts none, and waits until they are up
  v1: {{ backend: v1 }}                       # what serves now: a backend of HAProxy's configuration
  v2: {{ backend: v2 }}                       # what is to replace it
live: v1
"""

_CONFIGURATION = """\
#
# ---- HAProxy's configuration: put this into haproxy.cfg with your own addresses, make the map, then reload.
#
# As root:  echo '{line}' > /etc/haproxy/mlship.map
#           haproxy -c -f /etc/haproxy/haproxy.cfg && systemctl reload haproxy
# mlship's user needs the socket (`usermod -aG haproxy USER`) and has to be able to replace the map file in its folder.
#
# global
#     stats socket /run/haproxy/admin.sock mode 660 level admin
"""


def head(*, service: str, file: str) -> str:
    """The plan down to its live model."""
    return _HEAD.format(service=service, file=file)


def configuration(service: str) -> str:
    """The lines of HAProxy's configuration, as comments."""
    backends = backend_lines({"v1": "10.0.0.1:8000", "v2": "10.0.0.2:8000"})
    bound = "frontend users\n    bind :8080\n    mode http\n"
    text = "\n".join([ring_lines(), bound + frontend_lines(service=service, default="v1"), backends])
    commented = "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())
    return _CONFIGURATION.format(line=map_line(service, "v1").strip()) + commented
