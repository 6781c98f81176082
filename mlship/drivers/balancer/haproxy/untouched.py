"""The Runtime API changes whatever stands there: what a change starts from is looked at once more right before it."""

from __future__ import annotations

from mlship.drivers.balancer.node import Changed


def must_be(before: str | None, found: str | None, *, name: str) -> None:
    """Nobody has been at the HAProxy since it was read.

    Raises:
        Changed: somebody has.
    """
    if found != before:
        why = f"somebody else has changed HAProxy {name} just now: it has {found}, and had {before}"
        raise Changed(why, hint="`mlship doctor` shows what it has")
