"""An administration without a password that others than this machine can reach, for `mlship doctor`."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from mlship.drivers.trouble import Trouble


def exposed(balancer: str, addresses: Sequence[str], *, setting: str) -> Iterator[Trouble]:
    """What is to be said of those of `addresses` ("HOST:PORT") that are not loopback; `setting` is what binds them."""
    far = [address for address in addresses if not _is_loopback(address)]
    if far:
        why = f"{balancer} takes commands over the network, without a password, at {', '.join(far)}"
        hint = f"bind {setting} to loopback, or see to it that nobody else can reach it"
        yield Trouble(message=why, hint=hint, grave=False)


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # such as *, or nothing, which both are every address
        return host == "localhost"
