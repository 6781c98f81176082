"""What nginx's configuration needs so that mlship can move the traffic: text, in the owner's hands."""

from __future__ import annotations

from collections.abc import Mapping

from mlship.drivers.balancer.nginx.include import copy_variable, variable
from mlship.plan.balancer.nginx import MOST_COPIES

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

_COPIES = """\
location {at}/ {{
    internal;
    log_subrequest on;                      # else no copy is counted
    proxy_connect_timeout 200ms;
    proxy_send_timeout {patience};
    proxy_read_timeout {patience};                  # so long a challenger may hold up the next request of a connection
    proxy_next_upstream off;                # a second server could take as long again
    proxy_ignore_client_abort on;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header Cookie "";             # a copy must not act in a user's name
    proxy_set_header Authorization "";
    proxy_set_header Proxy-Authorization "";
    proxy_set_header x-mlship-shadow 1;
{locations}}}
"""

_COPY = """\
    location = {at} {{
        if (${copy} = "") {{
            return 204;
        }}
        access_log {log} {copy} if=${copy};
        proxy_pass http://${copy}$request_uri;
    }}
"""

PATIENCE = "2s"
"""nginx's own form of the time that a challenger has for the answer to a copy."""

COPIES_PRINTED = "add the lines for copies that `mlship init --driver nginx -s shadow` prints, reload"


def http_lines(include: str, servers: Mapping[str, str]) -> str:
    """What goes into `http`: the file that mlship writes, and an upstream per model, with one server at the address."""
    upstreams = "".join(_UPSTREAM.format(name=name, address=address) for name, address in servers.items())
    return f"include {include};            # the one file that mlship writes\n{upstreams}"


def server_lines(service: str, *, log: str) -> str:
    """What goes into the `server` that users come in by: their requests, and which generation runs."""
    return _LOCATION.format(v=variable(service), service=service, log=log)


def mirror_lines(service: str) -> str:
    """What else goes into the location of `server_lines` where requests are to be copied: a line per challenger."""
    return "".join(f"    mirror {copy_location(service, number)};\n" for number in range(1, MOST_COPIES + 1))


def copy_lines(service: str, *, log: str, patience: str = PATIENCE) -> str:
    """What else goes into the `server`: where copies go, a location per challenger; they end after `patience`."""
    numbers = range(1, MOST_COPIES + 1)
    located = [
        _COPY.format(at=copy_location(service, number), copy=copy_variable(service, number), log=log)
        for number in numbers
    ]
    return _COPIES.format(at=_copies(service), patience=patience, locations="".join(located))


def copy_location(service: str, number: int) -> str:
    """Where the copies of one challenger go, numbered from 1."""
    return f"{_copies(service)}/{number}"


def _copies(service: str) -> str:
    return f"/_mlship/{service}/copy"
