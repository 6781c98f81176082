"""What `mlship doctor` finds about one balancer. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlship.drivers.balancer.exposure import is_loopback
from mlship.drivers.trouble import Trouble
from mlship.errors import MlshipError

if TYPE_CHECKING:
    from mlship.drivers.balancer.rest.node import RestNode


def examine(node: RestNode) -> Iterator[Trouble]:
    """Reach, login, weights, token, header."""
    yield from _in_clear(node)
    try:
        yield from _read(node)
        yield from _probe(node)
    except MlshipError as error:
        yield Trouble(message=error.message, hint=error.hint)


def _in_clear(node: RestNode) -> Iterator[Trouble]:
    api = node.parts.writing.api
    parts = urlsplit(api.name)
    if api.auth.type != "none" and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        message = f"whoever is on the way to {node.name} can read what mlship logs in with"
        yield Trouble(message=message, hint="use https", grave=False)


def _read(node: RestNode) -> Iterator[Trouble]:
    reading = node.parts.read_back
    if reading is None:
        return
    seen = reading.seen()
    if reading.template.token and not seen.token:
        message = f"balancer {node.name} tells no token: what others change meanwhile is overwritten"
        yield Trouble(message=message, hint="see where `token` of the driver's `read` looks", grave=False)


def _probe(node: RestNode) -> Iterator[Trouble]:
    probing = node.parts.probing
    if probing is None:
        return
    prober = probing.prober
    told = prober.who(prober.told())
    if told not in prober.models:
        found = f"tells {told!r}" if told else "does not tell which model it is of"
        known = ", ".join(prober.models)
        hint = f"see where `who` of the driver's `probe` looks; known are {known}, and `answers` names others"
        yield Trouble(message=f"an answer of {prober.url} {found}", hint=hint)
