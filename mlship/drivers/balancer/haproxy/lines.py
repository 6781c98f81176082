"""What HAProxy's configuration needs so that mlship can move the traffic: text, in the owner's hands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlship.plan.balancer.haproxy import MOST_PARTS, PREVIEW

COOKIE = "mlship-user"
"""Keeps users on one model who do not send the header that users are told apart by."""

_RING = """\
ring {ring}                               # the log that mlship reads latencies from; about 80 bytes per request
    format raw
    maxlen 1024
    size 16777216
"""

_FRONTEND = """\
    # mlship: the line of this service in the map says SALT:MODEL:UP-TO:MODEL:UP-TO..., in parts of 10 000, and
    # /VALUE:MODEL after it where requests whose header {preview} has that value go to a model on the side
    option idle-close-on-response         # a reload ends no connection that a user is about to use again
    log ring@{ring} local0
    log-format '{{"n":%rt,"b":"%b","v":"%s","s":%ST,"r":%Tr,"a":%Ta}}'
    acl mlship_closed var(txn.mlship) -m str closed
    acl mlship_offered var(txn.mlship_want) -m len gt 0
    acl mlship_asked req.hdr({preview}),strcmp(txn.mlship_want) eq 0
    acl mlship_drawn var(txn.mlship_salt) -m str any
    acl mlship_known var(txn.mlship_user) -m found
    acl mlship_new var(txn.mlship_new) -m found
    acl mlship_below var(txn.mlship_point),sub(txn.mlship_upto) lt 0
    acl mlship_alive var(txn.mlship_model),nbsrv gt 0
    http-request set-var(txn.mlship) str({service}),map_str({map})
    http-request return status 503 hdr Retry-After 5 if mlship_closed
    http-request set-var(txn.mlship_split) var(txn.mlship),field(1,/)
    http-request set-var(txn.mlship_aside) var(txn.mlship),field(2,/)
    http-request set-var(txn.mlship_want) var(txn.mlship_aside),field(1,:)
    http-request set-var(txn.mlship_salt) var(txn.mlship_split),field(1,:)
    http-request set-var(txn.mlship_user) req.hdr({header})
    http-request set-var(txn.mlship_user) req.cook({cookie}) if !mlship_known
    http-request set-var(txn.mlship_new) uuid() if !mlship_known !mlship_drawn
    http-request set-var(txn.mlship_user) var(txn.mlship_new) if mlship_new
    http-request set-var(txn.mlship_hash) var(txn.mlship_user),concat(:,txn.mlship_salt),xxh32(7),mod(10000)
    http-request set-var(txn.mlship_point) rand(10000)
    http-request set-var(txn.mlship_point) var(txn.mlship_hash) if mlship_known !mlship_drawn
{parts}\
    http-request set-var(txn.mlship_model) var(txn.mlship_aside),field(2,:) if mlship_offered mlship_asked
    http-response add-header Set-Cookie "{cookie}=%[var(txn.mlship_new)]; Path=/; Max-Age=31536000" if mlship_new
    http-response set-header x-mlship-variant %b
    use_backend %[var(txn.mlship_model)] if mlship_alive
    default_backend {default}             # where the model of a request has no server that is up
"""

_COPIES = """\
    # mlship, experimental: the script sends copies of requests to the challengers that the map names
    option http-buffer-request            # the script needs the whole body; one beyond `tune.bufsize` is not copied
    http-request set-var(txn.mlship_copies) var(txn.mlship),field(3,/)
    http-request lua.mlship_copy if {{ var(txn.mlship_copies) -m len gt 0 }}
"""

_COPIES_FRONTEND = """\
frontend {name}                    # what the script sends; counted and logged by challenger, seen by no user
    bind {address}
    mode http
    log ring@{ring} local0
    log-format '{{"n":%rt,"b":"%b","v":"%s","s":%ST,"r":%Tr,"a":%Ta}}'
    use_backend %[req.hdr(x-mlship-shadow)]
"""

COPIES = "mlship-copies"
"""The frontend that copies come in by."""

COPIES_AT = "127.0.0.1:18080"

_PART = """\
    http-request set-var(txn.mlship_upto) var(txn.mlship_split),field({upto},:)
    http-request set-var(txn.mlship_model) var(txn.mlship_split),field({model},:) if mlship_below
"""

_BACKEND = """\
backend {name}
    mode http
    balance roundrobin
    option httpchk GET {health}
    server {name}-1 {address} check inter 1s
"""


def ring_lines(ring: str = "mlship") -> str:
    """A section of its own."""
    return _RING.format(ring=ring)


def frontend_lines(
    *,
    service: str,
    default: str,
    header: str = "x-user-id",
    map_file: str = "/etc/haproxy/mlship.map",
    ring: str = "mlship",
    preview: str = PREVIEW,
) -> str:
    """What goes into the frontend that users come in by: `header` tells users apart, `preview` asks for a model."""
    # The first part that reaches beyond the user's point is the user's: so it is asked last.
    parts = "".join(_PART.format(upto=2 * number + 1, model=2 * number) for number in range(MOST_PARTS, 0, -1))
    return _FRONTEND.format(
        service=service,
        default=default,
        header=header,
        map=map_file,
        ring=ring,
        preview=preview,
        cookie=COOKIE,
        parts=parts,
    )


def copies_lines() -> str:
    """What else goes into the users' frontend where requests are to be copied."""
    return _COPIES.format()


def copies_frontend_lines(*, address: str = COPIES_AT, ring: str = "mlship") -> str:
    """A section of its own: where the script of `copies_script` sends copies to."""
    return _COPIES_FRONTEND.format(name=COPIES, address=address, ring=ring)


def copies_script(*, address: str = COPIES_AT) -> str:
    """The script that `lua-load` in section `global` names."""
    text = Path(__file__).with_name("copies.lua").read_text(encoding="utf-8")
    return text.replace(COPIES_AT, address)


def backend_lines(servers: Mapping[str, str], *, health: str = "/v2/health/ready") -> str:
    """A backend per model, each with one server at the address given."""
    return "".join(_BACKEND.format(name=name, address=address, health=health) for name, address in servers.items())


def map_line(service: str, backend: str) -> str:
    """What the map file begins as: everything to one backend."""
    return f"{service} any:{backend}:10000\n"
