"""What `mlship doctor` finds about one Traefik. Nothing is changed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlship.drivers.balancer.line import HAND
from mlship.drivers.balancer.traefik.folder import changed_between
from mlship.drivers.balancer.traefik.metrics import coarse, loaded_at
from mlship.drivers.balancer.traefik.node import BUCKETS
from mlship.drivers.trouble import Trouble
from mlship.errors import MlshipError

if TYPE_CHECKING:
    from mlship.drivers.balancer.traefik.node import TraefikNode

SLOW = 0.2
"""Seconds of the throttle from which on a rollback is felt to wait."""
LATE = 3.0
"""Seconds that Traefik has for a file that was changed: its throttle is 2 s where nobody has set it."""
_DURATION = re.compile(r"([0-9.]+)(ms|s|m|h)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}


def examine(node: TraefikNode) -> Iterator[Trouble]:
    """Reach, what is loaded, rights, services, throttle, buckets: one sentence for one that is not there."""
    try:
        node.api.started()
    except MlshipError as error:
        yield Trouble(message=error.message, hint=error.hint)
        return
    yield from _loaded(node)
    yield from _rights(node)
    yield from _services(node)
    yield from _throttle(node)
    yield from _metrics(node)


def _loaded(node: TraefikNode) -> Iterator[Trouble]:
    try:
        live = node.read()
    except MlshipError as error:
        yield Trouble(message=error.message, hint=error.hint)
        return
    kept = node.kept()
    if live is not None and (kept or "").removeprefix(HAND) != live.removeprefix(HAND):
        why = f"{node.told.file} says {kept or 'nothing'}, Traefik {node.name} has {live}"
        hint = f"{'`mlship rollback`' if live.startswith(HAND) else 'the next change'} writes both"
        yield Trouble(message=why, hint=hint, grave=False)


def _rights(node: TraefikNode) -> Iterator[Trouble]:
    for folder in (node.told.file.parent, node.told.staging):
        if not os.access(folder, os.W_OK | os.X_OK):
            hint = "mlship's user has to be able to make files there; `staging` names another folder on the same disk"
            yield Trouble(message=f"{folder} cannot be written: no split of Traefik can be set", hint=hint)
            return
    if node.told.file.parent.stat().st_dev != node.told.staging.stat().st_dev:
        why = f"{node.told.staging} is on another disk than {node.told.file.parent}: no file can be renamed"
        yield Trouble(message=why, hint="name a folder on the same disk in `staging`")


def _services(node: TraefikNode) -> Iterator[Trouble]:
    found = {each["name"]: each for each in node.api.services()}
    for model, name in node.services.items():
        told = found.get(f"{name}@file", {}).get("loadBalancer")
        if told is None:
            hint = f"add it, or name the right one: `{model}: {{ backend: NAME }}`"
            yield Trouble(message=f"Traefik {node.name} has no service {name}", hint=hint)
        elif node.entrance.health_check and "healthCheck" not in told:
            hint = "add `healthCheck`, or say `health-check: false`: users of a dead model get 502 then"
            yield Trouble(message=f"service {name} of Traefik {node.name} checks no server", hint=hint)


def _throttle(node: TraefikNode) -> Iterator[Trouble]:
    import yaml

    try:
        static = yaml.safe_load(node.told.static.read_text(encoding="utf-8"))
        told = str((static.get("providers") or {}).get("providersThrottleDuration", "2s"))
    except (OSError, UnicodeError, yaml.YAMLError, AttributeError):
        hint = "name Traefik's static configuration in `static`, if it is a file"
        why = f"{node.told.static} cannot be read: how long Traefik {node.name} waits before a change is not known"
        yield Trouble(message=why, hint=hint, grave=False)
        return
    found = _DURATION.fullmatch(told)
    if found is None or float(found[1]) * _UNITS[found[2] or ""] > SLOW:
        hint = "set `providers.providersThrottleDuration: 50ms` in its static configuration"
        why = f"Traefik {node.name} waits up to {told} between two changes: a rollback may come that late"
        yield Trouble(message=why, hint=hint, grave=False)


def _stuck(node: TraefikNode, loaded: float | None) -> Iterator[Trouble]:
    """A file that Traefik had time to load, and has not. The time that it tells has no fractions of a second."""
    if loaded is None:
        return
    late = changed_between(loaded + 1.0, node.clock.now() - LATE, beside=node.told.file)
    if late:
        hint = "its log tells why it does not take it; until it does, no split can be set and none taken back"
        why = f"Traefik {node.name} has loaded nothing since {', '.join(late)} was changed"
        yield Trouble(message=why, hint=hint, grave=False)


def _metrics(node: TraefikNode) -> Iterator[Trouble]:
    try:
        text = node.api.text(node.told.metrics)
    except MlshipError as error:
        yield Trouble(message=error.message, hint=error.hint)
        return
    yield from _stuck(node, loaded_at(text))
    if coarse(text):
        why = f"the latencies of Traefik {node.name} have buckets of another kind: nothing is counted"
        yield Trouble(message=why, hint=BUCKETS)
