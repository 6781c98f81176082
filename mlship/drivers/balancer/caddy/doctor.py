"""What `mlship doctor` finds about one Caddy. Nothing is changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlship.drivers.balancer.caddy.admin import DENIED
from mlship.drivers.balancer.caddy.block import PRINTED, Json, cookie_in, logged_in, must_have_weights, split_in
from mlship.drivers.balancer.caddy.log import ANSWERED_AFTER, ANSWERED_BY
from mlship.drivers.balancer.exposure import exposed, is_loopback
from mlship.drivers.trouble import Trouble
from mlship.errors import MlshipError

if TYPE_CHECKING:
    from mlship.drivers.balancer.caddy.node import CaddyNode


def examine(node: CaddyNode) -> Iterator[Trouble]:
    """Reach, handler, policy, log, who can reach it, persistence."""
    try:
        block, _ = node.block()
        split_in(block, node.servers.values())
        must_have_weights(block)
        yield from _cookie(node, block)
        yield from _log(node, block)
        yield from _administration(node)
    except MlshipError as error:
        yield Trouble(message=error.message, hint=error.hint)


def _cookie(node: CaddyNode, block: Json) -> Iterator[Trouble]:
    if cookie := cookie_in(block):
        why = f"Caddy {node.name} keeps users by cookie {cookie}: only those who are new follow a larger share"
        yield Trouble(
            message=why, hint="a rollback moves all of them; leave the cookie out for true shares", grave=False
        )


def _log(node: CaddyNode, block: Json) -> Iterator[Trouble]:
    keys = logged_in(block)
    if "upstream.hostport" not in keys.get(ANSWERED_BY, ""):
        yield Trouble(message=f"Caddy {node.name} does not log which server has answered", hint=PRINTED)
    elif "upstream.latency_ms" not in keys.get(ANSWERED_AFTER, ""):
        why = f"Caddy {node.name} does not log when a server has answered: latencies include the user's own connection"
        yield Trouble(message=why, hint=PRINTED, grave=False)
    logs = _configured(node, "/config/logging/logs") or {}
    mine = [log for log in logs.values() if (log.get("writer") or {}).get("filename") == str(node.log)]
    if not mine:
        hint = "name the file that its configuration names, and that log a JSON one"
        yield Trouble(message=f"Caddy {node.name} writes no log to {node.log}", hint=hint)
    elif any(log.get("sampling") for log in mine):
        yield Trouble(message=f"Caddy {node.name} leaves lines of {node.log} out", hint="remove its `sampling`")
    elif not os.access(node.log, os.R_OK):
        hint = 'let mlship\'s user read it: `"mode": "0640"` for its writer, and its group'
        yield Trouble(message=f"{node.log} cannot be read by this user", hint=hint)


def _administration(node: CaddyNode) -> Iterator[Trouble]:
    admin = _configured(node, "/config/admin") or {}
    listen = str(admin.get("listen") or node.name)
    if node.name.startswith("/"):
        yield from _socket(node, listen)
    elif not listen.startswith(("unix", "fd")):
        yield from exposed(f"Caddy {node.name}", [listen.rpartition("/")[2]], setting="`admin.listen`")
    yield from _persistence(node, admin.get("config") or {})


def _socket(node: CaddyNode, listen: str) -> Iterator[Trouble]:
    """Caddy makes it anew with each change, for its own user alone where `listen` names no mode."""
    if "|" not in listen and os.geteuid() not in {0, _owner(node.name)}:
        why = f"Caddy makes {node.name} anew with the next change, and this user may not use it then"
        yield Trouble(message=why, hint=DENIED)


def _owner(socket: str) -> int:
    try:
        return Path(socket).stat().st_uid
    except OSError:  # it is just made anew
        return os.geteuid()


def _persistence(node: CaddyNode, settings: Json) -> Iterator[Trouble]:
    if settings.get("persist") is False:
        hint = "remove `persist: false` from `admin.config` of its configuration, and start it with --resume"
        yield Trouble(message=f"a restart of Caddy {node.name} loses the split", hint=hint, grave=False)
    elif _resumes(node.name) is False:
        why = f"a restart of Caddy {node.name} loses the split: it was started without --resume"
        yield Trouble(message=why, hint="caddy run --resume --config FILE", grave=False)


def _configured(node: CaddyNode, path: str) -> Any:  # noqa: ANN401 - JSON
    reply = node.api.get(path)
    return json.loads(reply.text) if reply.status == 200 else None


def _resumes(address: str) -> bool | None:
    """Whether the process of this machine that listens there has --resume; None: it is on another one, or not shown."""
    import psutil

    path = address if address.startswith("/") else ""
    host, _, port = address.rpartition(":")
    if not path and not is_loopback(host.strip("[]")):
        return None
    try:
        every = psutil.net_connections("unix" if path else "tcp")
        here = (each.pid for each in every if each.pid and _is_at(each.laddr, path or port))
        pid = next(here, None)
        return None if pid is None else "--resume" in psutil.Process(pid).cmdline()
    except psutil.Error:
        return None


def _is_at(local: object, place: str) -> bool:
    return place in {local, str(getattr(local, "port", ""))}
