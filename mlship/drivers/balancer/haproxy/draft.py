"""What `init` writes for driver `haproxy`: the plan's head, and what HAProxy's configuration needs."""

from __future__ import annotations

from mlship.drivers.balancer.haproxy.lines import (
    backend_lines,
    copies_frontend_lines,
    copies_lines,
    copies_script,
    frontend_lines,
    map_line,
    ring_lines,
)

STRATEGIES = ("canary", "blue-green", "recreate", "shadow")
"""Those that `init` has a plan for."""

_HEAD = """\
# yaml-language-server: $schema=plan.v1.json
# `mlship validate {file}` checks it, `mlship plan {file}` shows what would happen, `mlship deploy {file}` does it.
# The lines that HAProxy's configuration needs stand at the end; `mlship doctor --plan {file}` says what is missing.
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

_MIRROR = "    mirror: true                            # a script in HAProxy copies requests: experimental\n"

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


_SCRIPT = """\
#
# ---- For copies, which are experimental: lines for `global`, lines for the frontend of the users, a section, a script.
#
# global
#     lua-load /etc/haproxy/mlship-copies.lua
#     tune.lua.maxmem 64
#
{frontend}#
{section}#
# /etc/haproxy/mlship-copies.lua:
#
{script}"""


def head(*, service: str, file: str) -> str:
    """The plan down to its live model."""
    return _HEAD.format(service=service, file=file)


def configuration(service: str) -> str:
    """The lines of HAProxy's configuration, as comments."""
    backends = backend_lines({"v1": "10.0.0.1:8000", "v2": "10.0.0.2:8000"})
    bound = "frontend users\n    bind :8080\n    mode http\n"
    text = "\n".join([ring_lines(), bound + frontend_lines(service=service, default="v1"), backends])
    return _CONFIGURATION.format(line=map_line(service, "v1").strip()) + _commented(text)


def shadowed(plan: str, *, service: str) -> str:
    """The plan of strategy shadow: it says `mirror`, and what copies need stands at the end."""
    del service
    listed = _SCRIPT.format(
        frontend=_commented(copies_lines()),
        section=_commented(copies_frontend_lines()),
        script=_commented(copies_script()),
    )
    return plan.replace("models:", f"{_MIRROR}models:", 1) + listed


def _commented(text: str) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())
