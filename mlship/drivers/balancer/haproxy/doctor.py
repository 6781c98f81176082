"""What `mlship doctor` finds about one HAProxy. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlship.drivers.balancer.exposure import exposed
from mlship.drivers.balancer.haproxy.stat import CONNECTED, backend, servers, table_of
from mlship.drivers.balancer.haproxy.state import states
from mlship.drivers.balancer.mapfile import value_in, writable
from mlship.drivers.trouble import Trouble
from mlship.errors import MlshipError

if TYPE_CHECKING:
    from mlship.drivers.balancer.haproxy.node import HaproxyNode
    from mlship.drivers.balancer.haproxy.weights import WeightNode


def examine(node: HaproxyNode) -> Iterator[Trouble]:
    """Reach, rights, sockets, map and its file, backends, ring."""
    try:
        yield from _rights(node)
        yield from _sockets(node)
        live = node.read()
        yield from _file(node, live)
        yield from _backends(node)
        yield from _ring(node)
    except MlshipError as error:
        yield Trouble(message=error.message, hint=error.hint)


def examine_weights(node: WeightNode) -> Iterator[Trouble]:
    """Reach, rights, sockets, algorithm, servers of no model, servers that are out, state file, ring."""
    try:
        level = node.api.ask("show cli level").strip()
        if level != "admin":
            hint = "give its `stats socket` line `level admin`"
            yield Trouble(message=f"HAProxy {node.name} takes no weights: its socket has level {level}", hint=hint)
        yield from _sockets(node)
        if trouble := node.unfit():
            yield trouble
        yield from _absent(node)
        yield from _state_file(node, node.read())
        yield from _ring(node)
    except MlshipError as error:
        yield Trouble(message=error.message, hint=error.hint)


def _absent(node: WeightNode) -> Iterator[Trouble]:
    found = states(node.api.ask(f"show servers state {node.backend}"), node.backend)
    shares = {model: [name for name in names if name in found] for model, names in node.servers.items()}
    served = {model: names for model, names in shares.items() if any(found[name].weight for name in names)}
    if len(served) < 2:
        return
    for model, names in served.items():
        if out := [name for name in names if found[name].weight and not found[name].open]:
            why = f"HAProxy {node.name} has {', '.join(out)} in maintenance or drain: {model} gets less than its share"
            hint = f"`set server {node.backend}/{out[0]} state ready`, or name the server in the plan no more"
            yield Trouble(message=why, hint=hint, grave=False)


def _state_file(node: WeightNode, live: str | None) -> Iterator[Trouble]:
    if not node.persist:
        hint = "let mlship write the state file, with `persist: true`, where it can be reached"
        yield Trouble(message=f"a reload of HAProxy {node.name} loses the weights", hint=hint, grave=False)
    elif why := writable(node.state_file):
        hint = "`server-state-file` in `global`, `load-server-state-from-file global` in `defaults`, and an empty file"
        yield Trouble(message=f"{why}: no weights of HAProxy {node.name} can be kept", hint=hint)
    elif (kept := node.kept()) != live:
        says = f"says {kept}" if kept else f"has no weights of {node.backend}"
        why = f"{node.state_file} {says}, HAProxy {node.name} has {live}: a reload may change it"
        yield Trouble(message=why, hint="the next change writes both", grave=False)


def _rights(node: HaproxyNode) -> Iterator[Trouble]:
    level = node.api.ask("show cli level").strip()
    if node.ring and level not in {"admin", "operator"}:
        hint = "give its `stats socket` line `level operator` or `level admin`"
        yield Trouble(message=f"HAProxy {node.name} does not show its log: its socket has level {level}", hint=hint)


def _sockets(node: HaproxyNode | WeightNode) -> Iterator[Trouble]:
    """Those of all its `stats socket` lines: whoever reaches one over a network is asked for nothing."""
    lines = (line.partition(" ")[0].partition("@") for line in node.api.ask("show cli sockets").splitlines())
    addresses = [address for kind, _, address in lines if kind in {"ipv4", "ipv6"}]
    yield from exposed(f"HAProxy {node.name}", addresses, setting="the `stats socket`")


def _file(node: HaproxyNode, live: str | None) -> Iterator[Trouble]:
    if not node.persist:
        hint = "let mlship write the map file, with `persist: true`, where it can be reached"
        yield Trouble(message=f"a reload of HAProxy {node.name} loses the split", hint=hint, grave=False)
        return
    if why := writable(node.map):
        yield Trouble(
            message=f"{why}: no split of HAProxy {node.name} can be kept",
            hint="make it writable, or say `persist: false`",
        )
    elif (kept := value_in(node.map, node.key)) != live:
        hint = "the next change writes both"
        yield Trouble(
            message=f"{node.map} says {kept}, HAProxy {node.name} has {live}: a reload changes it",
            hint=hint,
            grave=False,
        )


def _backends(node: HaproxyNode) -> Iterator[Trouble]:
    table = table_of(node.api)
    for model, name in node.backends.items():
        if backend(table, name) is None:
            hint = f"add it, or name the right one: `{model}: {{ backend: NAME }}`"
            yield Trouble(message=f"HAProxy {node.name} has no backend {name}", hint=hint)
        elif any(row.get("check_status") in CONNECTED for row in servers(table, name)):
            hint = "add `option httpchk GET PATH`: a server that is still loading its model takes connections, too"
            why = f"HAProxy {node.name} checks only whether the servers of {name} take connections"
            yield Trouble(message=why, hint=hint, grave=False)


def _ring(node: HaproxyNode | WeightNode) -> Iterator[Trouble]:
    if node.ring and f"\n    {node.ring} " not in node.api.ask("show events"):
        hint = "add the section `ring` that `mlship init --driver haproxy` prints"
        yield Trouble(message=f"HAProxy {node.name} has no ring {node.ring}: no latencies", hint=hint)
