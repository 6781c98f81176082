"""Balancers that set whatever stands there: what a step starts from is looked at once more right before it."""

from __future__ import annotations

from collections.abc import Callable

from mlship.drivers.balancer.node import Changed


def must_be(
    before: str | None,
    found: str | None,
    *,
    who: str,
    say: Callable[[str | None], str] = str,
    hint: str = "`mlship doctor` shows what it has",
) -> None:
    """Nobody has been at the balancer since `before` was read; `say` puts a value into words.

    Raises:
        Changed: somebody has.
    """
    if found != before:
        why = f"somebody else has changed {who} just now: it has {say(found)}, and had {say(before)}"
        raise Changed(why, hint=hint)
