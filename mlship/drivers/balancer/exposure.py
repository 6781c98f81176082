"""An administration without a password that others than this machine can reach, for `mlship doctor`."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from mlship.drivers.trouble import Trouble


def exposed(balancer: str, addresses: Sequence[str], *, setting: str) -> Iterator[Trouble]:
    """What is to be said of those of `addresses` ("HOST:PORT") that are not loopback; `setting` is what binds them."""
    far = [address for address in addresses if not is_loopback(address.rpartition(":")[0].strip("[]"))]
    if far:
        why = f"{balancer} takes commands over the network, without a password, at {', '.join(far)}"
        hint = f"bind {setting} to loopback, or see to it that nobody else can reach it"
        yield Trouble(message=why, hint=hint, grave=False)


def is_loopback(host: str) -> bool:
    """Only this machine reaches it there; "*" and "" are every address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
