"""What `init` writes for driver `nginx`: the plan's head, and what nginx's configuration needs."""

from __future__ import annotations

from mlship.drivers.balancer.nginx.include import text_of
from mlship.drivers.balancer.nginx.lines import copy_lines, http_lines, mirror_lines, server_lines

STRATEGIES = ("canary", "blue-green", "feature-flag", "recreate", "shadow")
"""Those that `init` has a plan for."""

_HEAD = """\
# yaml-language-server: $schema=plan.v1.json
# `mlship validate {file}` checks it, `mlship plan {file}` shows what would happen, `mlship deploy {file}` does it.
# The lines that nginx's configuration needs stand at the end. `mlship doctor --plan {file}` says what is missing.
version: 1
service: {service}
driver:
  nginx:
    include: /etc/nginx/mlship/{service}.conf         # the one file that mlship writes
    status: http://127.0.0.1/_mlship/{service}        # tells which generation of it runs
    log: /var/log/nginx/mlship-{service}.log          # requests, errors and latencies come from there
    # program: [sudo, nginx]                # where mlship's user may not test and signal nginx itself
    # reload: [sudo, systemctl, reload, nginx]
models:                                     # the servers are yours: mlship starts none, and waits until they are up
  v1: {{ servers: ["10.0.0.1:8000"] }}        # what serves now; its upstream is named as the model is, else `backend`
  v2: {{ servers: ["10.0.0.2:8000"] }}        # what is to replace it
live: v1
"""

_CONFIGURATION = """\
#
# ---- nginx's configuration: put this into it with your own addresses, make the included file, then reload.
#
# ---- /etc/nginx/mlship/{service}.conf, as it begins:
#
{include}#
# ---- into `http`:
#
{http}#
# ---- into the `server` that users come in by, instead of its `location /`:
#
{server}"""

_MIRROR = (
    "    mirror: true                            # a slow challenger holds up a user's next request, 2 s at most\n"
)

_COPIES = """\
#
# ---- for copies, into that `location /`:
#
{mirrors}#
# ---- for copies, into the same `server`; the time that a challenger has is `proxy_read_timeout`:
#
{copies}"""


def head(*, service: str, file: str) -> str:
    """The plan down to its live model."""
    return _HEAD.format(service=service, file=file)


def configuration(service: str) -> str:
    """The lines of nginx's configuration, as comments."""
    http = http_lines(f"/etc/nginx/mlship/{service}.conf", {"v1": "10.0.0.1:8000", "v2": "10.0.0.2:8000"})
    server = server_lines(service, log=f"/var/log/nginx/mlship-{service}.log")
    return _CONFIGURATION.format(
        service=service,
        include=_commented(text_of("v1:10000", service)),
        http=_commented(http),
        server=_commented(server),
    )


def shadowed(plan: str, *, service: str) -> str:
    """The plan of strategy shadow: it says `mirror`, and what copies need stands at the end."""
    copies = copy_lines(service, log=f"/var/log/nginx/mlship-{service}.log")
    listed = _COPIES.format(mirrors=_commented(mirror_lines(service)), copies=_commented(copies))
    return plan.replace("models:", f"{_MIRROR}models:", 1) + listed


def _commented(text: str) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())
