"""What nginx's configuration needs so that mlship can move the traffic: text, in the owner's hands."""

from __future__ import annotations

from collections.abc import Mapping

from mlship.drivers.balancer.nginx.include import variable

_UPSTREAM = """\
upstream {name} {{
    zone {name} 64k;
    server {address};
    keepalive 16;
}}
"""

_LOCATION = """\
location / {{
    if (${v}_closed) {{
        add_header Retry-After 5 always;
        return 503;
    }}
    access_log {log} {v};
    add_header x-mlship-variant ${v} always;
    add_header Set-Cookie ${v}_cookie;
    proxy_pass http://${v};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
}}
location = /_mlship/{service} {{
    allow 127.0.0.1;
    deny all;
    access_log off;
    default_type text/plain;
    return 200 "${v}_generation\\n";
}}
"""


def http_lines(include: str, servers: Mapping[str, str]) -> str:
    """What goes into `http`: the file that mlship writes, and an upstream per model, with one server at the address."""
    upstreams = "".join(_UPSTREAM.format(name=name, address=address) for name, address in servers.items())
    return f"include {include};            # the one file that mlship writes\n{upstreams}"


def server_lines(service: str, *, log: str) -> str:
    """What goes into the `server` that users come in by: their requests, and which generation runs."""
    return _LOCATION.format(v=variable(service), service=service, log=log)
